from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.labels import name_system

    name_system(snakemake.params.system)  # before labels are put together

    from anonbench.evaluation.comparisons.pairwise import read_comparisons
    from anonbench.reporting.grids.tables import write_table
    from anonbench.reporting.summary import read_scores

    write_table(
        snakemake.params.table,
        read_scores(Path(snakemake.input.scores)),
        csv=Path(snakemake.output.csv),
        markdown=Path(snakemake.output.markdown),
        latex=Path(snakemake.output.latex),
        comparisons=read_comparisons(Path(snakemake.input.comparisons)),
        confidence=snakemake.params.slice["settings"]["confidence"],
    )
