from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.labels import name_system

    name_system(snakemake.params.system)  # before labels are put together

    from anonbench.reporting.figures.trends import trend
    from anonbench.reporting.summary import read_scores

    metric, _, query = snakemake.wildcards.trend.partition("_")
    trend(
        read_scores(Path(snakemake.input[0])),
        snakemake.wildcards.dataset,
        metric,
        query or None,
        outputs=[Path(path) for path in snakemake.output],
        dpi=snakemake.params.slice["settings"]["dpi"],
    )
