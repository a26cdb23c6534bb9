from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    if not cache.is_done():
        from anonbench.config import load
        from anonbench.core.libraries.devices import locked_gpus
        from anonbench.datasets.listing import root_of

        config = load(snakemake.config)
        name = snakemake.wildcards.dataset
        recipe, root = config.recipe_of(name), root_of(config.datasets[name])
        with locked_gpus(min(1, recipe.gpus_a_machine)):
            from anonbench.datasets.image_sets.shards import ImageSet
            from anonbench.embedding.extract import embed_many

            embed_many(
                Path(snakemake.input.backbone),
                [
                    (ImageSet.open(files, root) if files else ImageSet.none(root), Path(output))
                    for name, output in snakemake.output.items()
                    if name in ("val", "train", "original")  # else a digest
                    for files in [list(map(Path, snakemake.input[name]))]
                ],
                config.embedding.completing(snakemake.params.slice["settings"]),
            )
