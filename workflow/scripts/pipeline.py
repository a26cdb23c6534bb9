from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.figures.pipeline import pipeline_figure
    from anonbench.reporting.pipeline import pipeline

    pipeline_figure(
        pipeline(snakemake.params.rules, snakemake.params.reads),
        outputs=[Path(path) for path in snakemake.output],
        dpi=snakemake.params.slice["settings"]["dpi"],
    )
