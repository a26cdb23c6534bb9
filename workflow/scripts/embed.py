from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    parts = cache.parts(snakemake.input, snakemake.output)
    if left := [name for name, part in parts.items() if not part.is_done()]:
        from itertools import groupby

        from anonbench.config import load
        from anonbench.core.libraries.devices import locked_gpus
        from anonbench.datasets.listing import root_of

        config, name = load(snakemake.config), snakemake.params.dataset
        recipe, root = config.recipe_of(name), root_of(config.datasets[name])
        with locked_gpus(min(1, recipe.gpus_a_machine)):
            from anonbench.datasets.image_sets.shards import ImageSet
            from anonbench.embedding.extract import embed_many

            for backbone, names in groupby(left, lambda each: snakemake.input[each][0]):
                sets = {
                    Path(snakemake.output[each]): (parts[each], snakemake.input[each][1:])
                    for each in names
                }
                embed_many(
                    Path(backbone),
                    [
                        (ImageSet.of(map(Path, files), root), output)
                        for output, (_, files) in sets.items()
                    ],
                    config.embedding.completing(snakemake.params.slice["settings"]),
                    written=lambda output, sets=sets: sets[output][0].end(),
                )
