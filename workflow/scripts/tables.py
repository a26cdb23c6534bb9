from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.labels import name_system

    name_system(snakemake.params.system)  # before labels are put together

    from anonbench.evaluation.comparisons.pairwise import read_comparisons
    from anonbench.reporting.grids.tables import write_table
    from anonbench.reporting.summary import read_scores

    scores = read_scores(Path(snakemake.input.scores))
    comparisons = read_comparisons(Path(snakemake.input.comparisons))
    files = map(Path, snakemake.output)
    for table, *three in zip(snakemake.params.tables, files, files, files, strict=True):
        write_table(table, scores, *three, comparisons, snakemake.params.confidence)
