from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.core.boxes import image_regions, read_boxes
    from anonbench.datasets.image_sets.shards import open_sets
    from anonbench.datasets.listing import root_in
    from anonbench.embedding.attention import attend
    from anonbench.embedding.attention_maps import SAMPLE
    from anonbench.reporting.shown_images import choose

    images = [Path(path) for path in snakemake.input.images]
    root = root_in(snakemake.config, snakemake.params.dataset)
    variants = open_sets(snakemake.params.variants, images, root)
    regions = image_regions(read_boxes(Path(snakemake.input.boxes)))
    ids = [image_id for image_id in next(iter(variants.values())).ids if image_id in regions]
    files = snakemake.input.backbones, snakemake.output.maps, snakemake.output.shares
    for backbone, maps, shares in zip(*files, strict=True):
        attend(
            Path(backbone),
            variants,
            regions,
            drawn=choose(ids, snakemake.params.attention_images),
            sample=choose(ids, SAMPLE),
            maps=Path(maps),
            shares=Path(shares),
        )
