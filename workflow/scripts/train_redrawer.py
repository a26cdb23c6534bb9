from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    if not cache.is_done():
        import pandas as pd

        from anonbench.config import Anonymization, Redrawing, load
        from anonbench.core.boxes import read_boxes
        from anonbench.core.libraries.devices import locked_gpus
        from anonbench.core.vocabulary import Variant
        from anonbench.datasets.listing import root_of

        config, params = load(snakemake.config), snakemake.params
        dataset = snakemake.wildcards.dataset
        recipe = config.recipe_of(dataset)
        with locked_gpus(min(1, recipe.gpus_needed)):
            from anonbench.datasets.image_sets.shards import ImageSet
            from anonbench.training.redrawing import train_redrawer

            root = root_of(config.datasets[dataset])
            train_redrawer(
                original=ImageSet.open(snakemake.input.original, root),
                hidden=ImageSet.open(snakemake.input.hidden),
                boxes=pd.concat([read_boxes(path) for path in snakemake.input.boxes]),
                variant=Variant.parse(snakemake.wildcards.anonymized),
                hiding=Anonymization.model_validate(params.hiding["settings"]),
                backbone=snakemake.input.backbone[0],
                settings=Redrawing.model_validate(params.redrawing),
                recipe=recipe,
                seed=params.seed,
                output=snakemake.output.network,
                log=snakemake.output.history,
                checkpoint=snakemake.output.network.with_suffix(".safetensors.checkpoint"),
            )
