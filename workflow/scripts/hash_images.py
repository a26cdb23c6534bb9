from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.datasets.image_sets.shards import ImageSet
    from anonbench.datasets.listing import root_in
    from anonbench.datasets.near_duplicates import write_hashes

    root = root_in(snakemake.config, snakemake.wildcards.dataset)
    images = ImageSet.open([snakemake.input.index], root)
    write_hashes(images, snakemake.output[0])
