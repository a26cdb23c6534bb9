from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    parts = cache.parts(snakemake.input, snakemake.output)
    if left := [name for name, part in parts.items() if not part.is_done()]:
        from anonbench.config import load
        from anonbench.core.libraries.devices import locked_gpus
        from anonbench.datasets.listing import root_of

        config, name = load(snakemake.config), snakemake.params.dataset
        recipe, root = config.recipe_of(name), root_of(config.datasets[name])
        with locked_gpus(min(1, recipe.gpus_needed)):
            from anonbench.datasets.image_sets.shards import ImageSet
            from anonbench.embedding.extract import embed_many

            backbone, *_ = snakemake.input[left[0]]
            part_of = {Path(snakemake.output[each]): parts[each] for each in left}
            images = [ImageSet.of(map(Path, snakemake.input[each][1:]), root) for each in left]
            embed_many(
                Path(backbone),
                [*zip(images, part_of, strict=True)],
                config.embedding.completing(snakemake.params.slice["settings"]),
                written=lambda output: part_of[output].end(),
            )
