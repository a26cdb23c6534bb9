from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    given, made = snakemake.input, snakemake.output
    parts = cache.parts(given, made)
    if left := [name for name, part in parts.items() if not part.is_done()]:
        from anonbench.config import load
        from anonbench.core.libraries.devices import locked_gpus
        from anonbench.datasets.listing import root_of

        config, name = load(snakemake.config), snakemake.params.dataset
        recipe, root = config.recipe_of(name), root_of(config.datasets[name])
        with locked_gpus(min(1, recipe.gpus_needed)):
            from anonbench.datasets.image_sets.shards import ImageSet
            from anonbench.embedding.extract import embed_many

            part_of = {made[each]: parts[each] for each in left}
            for backbone in dict.fromkeys(given[each][0] for each in left):
                embed_many(
                    backbone,
                    [
                        (ImageSet.of(given[each][1:], root), made[each])
                        for each in left
                        if given[each][0] == backbone
                    ],
                    config.embedding.completing(snakemake.params.settings),
                    written=lambda output: part_of[output].end(),
                )
