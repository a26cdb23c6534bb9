from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.labels import name_system

    name_system(snakemake.params.system)  # before labels are put together

    from anonbench.evaluation.policy.table import read_policy
    from anonbench.reporting.figures.risks import risks
    from anonbench.reporting.summary import read_scores

    risks(
        read_policy(Path(snakemake.input.policy)),
        read_scores(Path(snakemake.input.scores)),
        snakemake.wildcards.dataset,
        outputs=[Path(path) for path in snakemake.output],
        dpi=snakemake.params.slice["settings"]["dpi"],
    )
