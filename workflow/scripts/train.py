from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    if not cache.restored():
        from anonbench.config import load
        from anonbench.core.devices import claimed
        from anonbench.datasets.listing import root_of
        from anonbench.training.loop.launch import TrainJob, run

        config, slice = load(snakemake.config), snakemake.params.slice
        dataset = config.datasets[snakemake.wildcards.dataset]
        recipe = config.recipes[dataset.recipe]
        training = TrainJob(
            recipe=recipe.completing(slice["recipe"]),
            adaption=snakemake.params.adaption,
            original=list(snakemake.input.original),
            root=root_of(dataset),
            anonymized=list(snakemake.input.get("anonymized", [])),
            seed=int(snakemake.wildcards.seed),
            output=Path(snakemake.output.backbone),
            log=Path(snakemake.output.history),
            checkpoint=Path(snakemake.output.backbone + ".checkpoint"),
            journal=Path(snakemake.log[0]).with_suffix(""),
            labels=(snakemake.input.labels[0], slice["label"]) if "label" in slice else None,
        )
        with claimed(recipe.gpus_a_machine):
            run(training)
