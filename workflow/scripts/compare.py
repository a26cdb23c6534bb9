from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.paper.comparison import write_comparison

    write_comparison(
        snakemake.params.datasets,
        scores=[Path(path) for path in snakemake.input.scores],
        csv=Path(snakemake.output.csv),
        markdown=Path(snakemake.output.markdown),
        latex=Path(snakemake.output.latex),
    )
