from pathlib import Path

from anonbench.runtime import job

with job(snakemake.log[0], snakemake.threads):
    import pandas as pd

    from anonbench.config import Detection, DetectorName
    from anonbench.detectors.shard import detect_shard
    from anonbench.sharding import rows_of_shard

    detect_shard(
        manifest=rows_of_shard(
            pd.read_parquet(snakemake.input.manifest, columns=["id", "path", "split"]),
            split=snakemake.wildcards.split,
            shard=int(snakemake.wildcards.shard),
            count=snakemake.params.shards,
        ),
        root=Path(snakemake.params.root),
        detectors=[DetectorName(name) for name in snakemake.params.slice["detectors"]],
        settings=Detection.model_validate(snakemake.params.slice["settings"]),
        seed=snakemake.params.slice["seed"],
        boxes=Path(snakemake.output.boxes),
        images=Path(snakemake.output.images),
    )
