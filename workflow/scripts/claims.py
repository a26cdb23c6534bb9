from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.paper.claims import write_claims

    write_claims(
        snakemake.params.datasets,
        scores=[Path(path) for path in snakemake.input.scores],
        comparisons=[Path(path) for path in snakemake.input.comparisons],
        best=[Path(path) for path in snakemake.input.best],
        level=snakemake.params.level,
        csv=Path(snakemake.output.csv),
        cases=Path(snakemake.output.cases),
        markdown=Path(snakemake.output.markdown),
        latex=Path(snakemake.output.latex),
    )
