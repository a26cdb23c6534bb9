from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.labels import name_system

    name_system(snakemake.params.system)  # before labels are put together

    from dataclasses import replace

    from anonbench.evaluation.privacy.attacks.table import read_attacks
    from anonbench.evaluation.privacy.rates import read_rates
    from anonbench.evaluation.sample_sizes.sufficiency import DEFAULTS
    from anonbench.reporting.figures.strengths import strengths, sweeps
    from anonbench.reporting.summary import read_scores

    given, shown = snakemake.input, snakemake.params.slice["settings"]
    rates, attacks = given.get("rates"), given.get("attacks")
    strengths(
        read_scores(Path(given.scores)),
        None if rates is None else read_rates(Path(rates)),
        None if attacks is None else read_attacks(Path(attacks)),
        snakemake.wildcards.dataset,
        sweeps(**snakemake.params.slice["strengths"]),
        outputs=[Path(snakemake.output.png), Path(snakemake.output.svg)],
        dpi=shown["dpi"],
        needs=replace(DEFAULTS, widest=shown["widest_interval"], confidence=shown["confidence"]),
    )
