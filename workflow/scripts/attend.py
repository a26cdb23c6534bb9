from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.core.boxes import image_regions, read_boxes
    from anonbench.datasets.image_sets.shards import open_sets
    from anonbench.datasets.listing import root_in
    from anonbench.embedding.attention import attend
    from anonbench.embedding.attention_maps import SAMPLE
    from anonbench.reporting.shown_images import choose

    root = root_in(snakemake.config, snakemake.params.dataset)
    variants = open_sets(snakemake.params.variants, snakemake.input.images, root)
    regions = image_regions(read_boxes(snakemake.input.boxes))
    ids = [image_id for image_id in next(iter(variants.values())).ids if image_id in regions]
    files = snakemake.input.backbones, snakemake.output.maps, snakemake.output.shares
    for backbone, maps, shares in zip(*files, strict=True):
        drawn = choose(ids, snakemake.params.attention_images)
        attend(backbone, variants, regions, drawn, choose(ids, SAMPLE), maps, shares)
