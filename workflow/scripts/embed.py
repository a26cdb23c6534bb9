from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    given, made, params = snakemake.input, snakemake.output, snakemake.params
    parts = cache.parts(given, made).items()
    if left := {name: part for name, part in parts if not part.is_done()}:
        from anonbench.config import load
        from anonbench.core.libraries.devices import locked_gpus
        from anonbench.datasets.listing import root_of

        config, dataset = load(snakemake.config), params.dataset
        recipe, root = config.recipe_of(dataset), root_of(config.datasets[dataset])
        settings = config.embedding.completing(params.settings)
        with locked_gpus(min(1, recipe.gpus_needed)):
            from anonbench.datasets.image_sets.shards import ImageSet
            from anonbench.embedding.extract import embed_many, embed_pixels, write_untrained

            if part := left.pop("backbone", None):
                write_untrained(recipe, params.seed, made.backbone)
                part.end()

            ends = {made[name]: part.end for name, part in left.items()}
            sets = {}
            for name in left:
                weights, images = None, given[name]
                if images[0].suffix == ".safetensors":
                    weights, *images = images
                elif name.startswith("untrained_"):
                    weights = made.backbone
                sets.setdefault(weights, []).append((ImageSet.of(images, root), made[name]))
            for weights, each in sets.items():
                if weights:
                    written = embed_many(weights, each, settings)
                else:
                    written = embed_pixels(each, recipe.resize, settings)
                for output in written:
                    ends[output]()
