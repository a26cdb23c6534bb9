from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    if not cache.restored():
        from anonbench.config import load
        from anonbench.datasets.listing import root_of
        from anonbench.datasets.shards import ImageSet
        from anonbench.embedding.pixels import embed_pixels

        config, slice = load(snakemake.config), snakemake.params.slice
        root = root_of(config.datasets[snakemake.wildcards.dataset])
        embed_pixels(
            [
                (
                    ImageSet.open(list(map(Path, snakemake.input[split])), root),
                    Path(snakemake.output[split]),
                )
                for split in ("val", "train")
            ],
            slice["recipe"]["resize"],
            config.embedding.completing(slice["settings"]),
        )
