from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    if not cache.is_done():
        import pandas as pd

        from anonbench.datasets.image_sets.shards import write_index
        from anonbench.detection.gather import gather_boxes

        manifest = snakemake.input.manifest
        gather_boxes(
            manifest=manifest,
            skipped=snakemake.input.skipped,
            box_shards=snakemake.input.boxes,
            image_shards=snakemake.input.images,
            keep_without_regions=snakemake.params.keep_without_regions,
            boxes=snakemake.output.boxes,
            all_skipped=snakemake.output.skipped,
            counts=snakemake.output.counts,
            entities=snakemake.params.entities,
        )
        columns = ["id", "path", "width", "height", "bytes", "digest"]
        rows = pd.read_parquet(manifest, columns=columns)
        files = snakemake.input.images, snakemake.output.originals
        for images, index in zip(*files, strict=True):
            write_index(
                manifest=rows,
                images=pd.read_parquet(images),
                keep=snakemake.params.keep_without_regions,
                output=index,
            )
