from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.paper.comparison_table import write_comparison

    write_comparison(
        snakemake.params.datasets,
        scores=[Path(path) for path in snakemake.input.scores],
        counts=[Path(path) for path in snakemake.input.counts],
        csv=Path(snakemake.output.csv),
        facts=Path(snakemake.output.facts),
        markdown=Path(snakemake.output.markdown),
        latex=Path(snakemake.output.latex),
    )
