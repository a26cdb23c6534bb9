from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.labels import name_system

    name_system(snakemake.params.system)  # before labels are put together

    from anonbench.evaluation.comparisons.pairwise import read_comparisons
    from anonbench.reporting.grids.tables import write_table
    from anonbench.reporting.summary import read_scores

    files = map(Path, snakemake.output)
    for table in snakemake.params.tables:
        write_table(
            table,
            read_scores(Path(snakemake.input.scores)),
            csv=next(files),
            markdown=next(files),
            latex=next(files),
            comparisons=read_comparisons(Path(snakemake.input.comparisons)),
            confidence=snakemake.params.confidence,
        )
