from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.figures.correlation import correlation_heatmap

    correlation_heatmap(
        Path(snakemake.input[0]),
        title=snakemake.params.title,
        outputs=[Path(path) for path in snakemake.output],
        dpi=snakemake.params.slice["settings"]["dpi"],
    )
