from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    if not cache.is_done(shared=True):
        from anonbench.config import load
        from anonbench.datasets.image_sets.shards import ImageSet
        from anonbench.datasets.listing import root_of
        from anonbench.embedding.extract import embed_pixels

        config, slice = load(snakemake.config), snakemake.params.slice
        root = root_of(config.datasets[snakemake.params.dataset])
        folders: dict[Path, list[Path]] = {}
        for file in map(Path, snakemake.input.images):
            folders.setdefault(file.parent, []).append(file)
        outputs = [Path(file) for file in snakemake.output if file.endswith(".h5")]
        embed_pixels(
            [
                (ImageSet.open(files, root), output)
                for files, output in zip(folders.values(), outputs, strict=True)
            ],
            slice["recipe"]["resize"],
            config.embedding.completing(slice["settings"]),
        )
