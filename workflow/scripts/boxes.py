from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    if not cache.is_done():
        from anonbench.detection.gather import gather_boxes

        gather_boxes(
            manifest=Path(snakemake.input.manifest),
            skipped=Path(snakemake.input.skipped),
            box_shards=[Path(path) for path in snakemake.input.boxes],
            image_shards=[Path(path) for path in snakemake.input.images],
            keep_without_regions=snakemake.params.keep_without_regions,
            boxes=Path(snakemake.output.boxes),
            all_skipped=Path(snakemake.output.skipped),
            counts=Path(snakemake.output.counts),
        )

    from anonbench.datasets.image_sets.doubts import announce

    announce(snakemake.wildcards.dataset, Path(snakemake.output.counts))
