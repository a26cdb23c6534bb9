from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    import pandas as pd

    from anonbench.core.io import write_csv
    from anonbench.datasets.clusters import read_clusters
    from anonbench.embedding.attention_shares import summarize_shares

    tables = [pd.read_parquet(path) for path in snakemake.input.shares]
    shares = summarize_shares(
        dict(zip(snakemake.params.models, tables, strict=True)),
        read_clusters(Path(snakemake.input.clusters)),
        snakemake.params.confidence,
    )
    write_csv(shares, Path(snakemake.output[0]))
