from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.labels import name_system

    name_system(snakemake.params.system)  # before labels are put together

    from dataclasses import replace

    from anonbench.evaluation.privacy.rates import read_rates
    from anonbench.evaluation.sample_sizes.sufficiency import DEFAULTS
    from anonbench.reporting.figures.front import front
    from anonbench.reporting.summary import read_scores

    shown = snakemake.params.slice["settings"]
    files = map(Path, snakemake.output)
    for metric, *outputs in zip(("map", "mndcg"), files, files, strict=True):
        front(
            read_rates(Path(snakemake.input.rates)),
            read_scores(Path(snakemake.input.scores)),
            snakemake.params.dataset,
            metric,
            outputs=outputs,
            dpi=shown["dpi"],
            needs=replace(
                DEFAULTS, widest=shown["widest_interval"], confidence=shown["confidence"]
            ),
        )
