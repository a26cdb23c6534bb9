from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    parts = cache.parts(snakemake.input, snakemake.output)
    if left := {name: part for name, part in parts.items() if not part.is_done()}:
        from anonbench.config import load
        from anonbench.core.libraries.devices import locked_gpus
        from anonbench.datasets.listing import root_of

        config, name = load(snakemake.config), snakemake.params.dataset
        recipe, root = config.recipe_of(name), root_of(config.datasets[name])
        backbone = Path(snakemake.output.backbone)
        with locked_gpus(min(1, recipe.gpus_needed)):
            from anonbench.datasets.image_sets.shards import ImageSet
            from anonbench.embedding.extract import embed_many, write_untrained

            if part := left.pop("backbone", None):
                write_untrained(recipe, snakemake.params.seed, backbone)
                part.end()
            outputs = {Path(snakemake.output[each]): each for each in left}
            embed_many(
                backbone,
                [
                    (ImageSet.of(map(Path, snakemake.input[each]), root), output)
                    for output, each in outputs.items()
                ],
                config.embedding.completing(snakemake.params.slice["settings"]),
                written=lambda output: left[outputs[output]].end(),
            )
