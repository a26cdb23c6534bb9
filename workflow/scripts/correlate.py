from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.evaluation.correlation import write_correlation

    write_correlation(
        scores=Path(snakemake.input[0]),
        degree=int(snakemake.wildcards.degree),
        matrix=Path(snakemake.output.matrix),
        within=Path(snakemake.output.within),
    )
