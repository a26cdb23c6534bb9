from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    parts = cache.parts(snakemake.input, snakemake.output)
    if left := {name: part for name, part in parts.items() if not part.is_done()}:
        from anonbench.config import load
        from anonbench.datasets.image_sets.shards import ImageSet
        from anonbench.datasets.listing import root_of
        from anonbench.embedding.extract import embed_pixels

        config, slice = load(snakemake.config), snakemake.params.slice
        root = root_of(config.datasets[snakemake.params.dataset])
        outputs = {Path(snakemake.output[each]): each for each in left}
        embed_pixels(
            [
                (ImageSet.of(map(Path, snakemake.input[each]), root), output)
                for output, each in outputs.items()
            ],
            slice["recipe"]["resize"],
            config.embedding.completing(slice["settings"]),
            written=lambda output: left[outputs[output]].end(),
        )
