from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    import pandas as pd

    from anonbench.datasets.image_sets.originals import copy_shard
    from anonbench.datasets.listing import root_in

    root = root_in(snakemake.config, snakemake.wildcards.dataset)
    copy_shard(pd.read_parquet(snakemake.input.index), root, Path(snakemake.output[0]))
