from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    if not cache.is_done():
        import pandas as pd

        from anonbench.anonymization.shard import anonymize_shard
        from anonbench.config import Anonymization
        from anonbench.core.boxes import read_boxes
        from anonbench.core.vocabulary import Variant
        from anonbench.datasets.listing import root_in

        columns = ["id", "path", "bytes", "digest"]
        anonymize_shard(
            manifest=pd.read_parquet(snakemake.input.manifest, columns=columns),
            root=root_in(snakemake.config, snakemake.wildcards.dataset),
            boxes=read_boxes(snakemake.input.boxes),
            images=pd.read_parquet(snakemake.input.images),
            variant=Variant.parse(snakemake.wildcards.variant),
            settings=Anonymization.model_validate(snakemake.params.hiding["settings"]),
            keep_without_regions=snakemake.params.keep_without_regions,
            output=snakemake.output.tar,
        )
