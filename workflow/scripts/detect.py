from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    if not cache.is_done():
        import pandas as pd

        from anonbench.config import Detection
        from anonbench.core.libraries.devices import locked_gpus
        from anonbench.core.numeric.seeding import rows_of_shard
        from anonbench.datasets.listing import root_in
        from anonbench.detection.cache import places
        from anonbench.detection.shard import Job, detect_shard
        from anonbench.detection.user_annotations import read_user_regions

        params, shard = snakemake.params, int(snakemake.wildcards.shard)
        templates = params.templates
        columns = ["id", "path", "split", "width", "height", "bytes", "digest"]
        manifest = pd.read_parquet(snakemake.input.manifest, columns=columns)
        rows = rows_of_shard(manifest, snakemake.wildcards.split, shard, params.shards)
        boxes, corrections = (
            next(iter(files), None)
            for files in (snakemake.input.boxes, snakemake.input.corrections)
        )
        regions, corrected = read_user_regions(boxes, corrections, only=set(rows["id"]))
        with locked_gpus(snakemake.resources.gpu):
            detect_shard(
                rows,
                Job(
                    root=root_in(snakemake.config, snakemake.wildcards.dataset),
                    detectors=params.detectors,
                    settings=Detection.model_validate(params.detection["settings"]),
                    seed=params.seed,
                    threads=snakemake.threads,
                    templates=Path(templates) if templates else None,
                    boxes=regions,
                    corrections=corrected,
                    keep_failed=params.keep_failed,
                    kept=places(snakemake.output.boxes.parent / "kept", shard, params.shards),
                ),
                boxes=snakemake.output.boxes,
                images=snakemake.output.images,
            )
