from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.grids.tables import write_sizes

    paths = [Path(path) for path in snakemake.input]
    write_sizes(
        dict(zip(snakemake.params.datasets, paths, strict=True)),
        csv=Path(snakemake.output.csv),
        markdown=Path(snakemake.output.markdown),
        latex=Path(snakemake.output.latex),
    )
