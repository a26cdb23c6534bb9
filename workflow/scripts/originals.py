from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    if not cache.is_done():
        import pandas as pd

        from anonbench.datasets.image_sets.originals import write_index

        columns = ["id", "path", "width", "height", "bytes", "digest"]
        write_index(
            manifest=pd.read_parquet(snakemake.input.manifest, columns=columns),
            images=pd.read_parquet(snakemake.input.images),
            keep=snakemake.params.keep_without_regions,
            output=Path(snakemake.output.index),
        )
