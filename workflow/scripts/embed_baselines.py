from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    parts = cache.parts(snakemake.input, snakemake.output)
    if left := {name: part for name, part in parts.items() if not part.is_done()}:
        from anonbench.config import load
        from anonbench.core.libraries.devices import locked_gpus
        from anonbench.datasets.listing import root_of

        config, name = load(snakemake.config), snakemake.params.dataset
        recipe, root = config.recipe_of(name), root_of(config.datasets[name])
        settings = config.embedding.completing(snakemake.params.settings)
        with locked_gpus(min(1, recipe.gpus_needed)):
            from anonbench.datasets.image_sets.shards import ImageSet
            from anonbench.embedding.extract import embed_many, embed_pixels, write_untrained

            if part := left.pop("backbone", None):
                write_untrained(recipe, snakemake.params.seed, snakemake.output.backbone)
                part.end()

            def sets(model):
                return [
                    (ImageSet.of(snakemake.input[each], root), snakemake.output[each])
                    for each in left
                    if each.startswith(model)
                ]

            def written(output):
                next(left[each] for each in left if snakemake.output[each] == output).end()

            if untrained := sets("untrained"):
                embed_many(snakemake.output.backbone, untrained, settings, written)
            if pixels := sets("pixels"):
                embed_pixels(pixels, recipe.resize, settings, written)
