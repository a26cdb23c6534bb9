from pathlib import Path

from anonbench.made import Made
from anonbench.runtime import job

with job(snakemake.log[0], snakemake.threads):
    made = Made(__file__, snakemake.input, snakemake.output, dict(snakemake.params.items()))
    if not made.restored():
        import pandas as pd

        from anonbench.originals import write_index

        columns = ["id", "path", "width", "height", "bytes", "digest"]
        write_index(
            manifest=pd.read_parquet(snakemake.input.manifest, columns=columns),
            images=pd.read_parquet(snakemake.input.images),
            keep=snakemake.params.keep_without_regions,
            output=Path(snakemake.output.index),
        )
        made.keep()
