from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    if not cache.is_done():
        import pandas as pd

        from anonbench.datasets.image_sets.originals import write_index

        columns = ["id", "path", "width", "height", "bytes", "digest"]
        manifest = pd.read_parquet(snakemake.input.manifest, columns=columns)
        files = snakemake.input.images, snakemake.output.index
        for images, index in zip(*files, strict=True):
            write_index(
                manifest=manifest,
                images=pd.read_parquet(images),
                keep=snakemake.params.keep_without_regions,
                output=Path(index),
            )
