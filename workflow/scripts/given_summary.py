from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    import pandas as pd

    from anonbench.anonymization.given.gather import summarize_given, warn_of_visible
    from anonbench.core.io import write_csv
    from anonbench.datasets.clusters import read_clusters

    compared = {
        program: pd.concat(map(pd.read_parquet, snakemake.input[program]), ignore_index=True)
        for program in snakemake.params.programs
    }
    summary = summarize_given(
        compared,
        pd.read_csv(snakemake.input.skipped, dtype=str, keep_default_na=False),
        read_clusters(snakemake.input.clusters),
        snakemake.params.confidence,
    )
    write_csv(summary, snakemake.output[0])
    warn_of_visible(snakemake.wildcards.dataset, summary)
