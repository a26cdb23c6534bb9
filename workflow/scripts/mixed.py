from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.labels import name_system

    name_system(snakemake.params.system)  # before labels are put together

    from anonbench.evaluation.deployments.table import read_deployments
    from anonbench.reporting.figures.mixed import mixed

    mixed(
        read_deployments(Path(snakemake.input[0])),
        snakemake.wildcards.dataset,
        outputs=[Path(path) for path in snakemake.output],
        dpi=snakemake.params.slice["settings"]["dpi"],
    )
