from pathlib import Path

from anonbench.runtime import job

with job(snakemake, __file__):
    import pandas as pd

    from anonbench.attention_shares import summarize_shares
    from anonbench.files import write_csv
    from anonbench.presentation.figures.attention_share import attention_share

    settings = snakemake.params.slice["settings"]
    tables = [pd.read_parquet(path) for path in snakemake.input]
    shares = summarize_shares(
        dict(zip(snakemake.params.models, tables, strict=True)),
        settings["bootstrap"],
        settings["confidence"],
    )
    write_csv(shares, Path(snakemake.output.csv))
    attention_share(
        shares, [Path(snakemake.output.png), Path(snakemake.output.svg)], settings["dpi"]
    )
