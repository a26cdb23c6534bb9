from pathlib import Path

from anonbench.runtime import job

with job(snakemake.log[0], snakemake.threads):
    from anonbench.config import load
    from anonbench.imageset import ImageSet
    from anonbench.training.loop import train
    from anonbench.vocabulary import Adaption

    config = load(snakemake.config)
    recipe = config.recipes[config.datasets[snakemake.wildcards.dataset].recipe]
    anonymized = [Path(path) for path in snakemake.input.get("anonymized", [])]
    train(
        recipe=recipe.completing(snakemake.params.slice["recipe"]),
        adaption=Adaption(snakemake.params.adaption),
        original=ImageSet.open([Path(path) for path in snakemake.input.original]),
        anonymized=ImageSet.open(anonymized) if anonymized else None,
        seed=int(snakemake.wildcards.seed),
        output=Path(snakemake.output.backbone),
        log=Path(snakemake.output.history),
        checkpoint=Path(snakemake.output.backbone + ".checkpoint"),
    )
