from pathlib import Path

from anonbench.runtime import job

with job(snakemake, __file__) as made:
    if not made.restored():
        from anonbench.config import load
        from anonbench.devices import claimed

        config = load(snakemake.config)
        recipe = config.recipes[config.datasets[snakemake.wildcards.dataset].recipe]
        with claimed(min(1, recipe.gpus_a_machine)):
            from anonbench.embedding import embed_many
            from anonbench.imageset import ImageSet

            embed_many(
                Path(snakemake.input.backbone),
                [
                    (ImageSet.open([Path(path) for path in snakemake.input[name]]), Path(output))
                    for name, output in snakemake.output.items()
                ],
                config.embedding.completing(snakemake.params.slice["settings"]),
            )
