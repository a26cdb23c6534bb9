from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    if not cache.is_done():
        from anonbench.config import load
        from anonbench.core.jobs.checksums import is_intact
        from anonbench.core.libraries.devices import locked_gpus
        from anonbench.datasets.listing import root_of
        from anonbench.training.loop.launch import TrainJob, run
        from anonbench.workflow.image_counts import require_left

        config = load(snakemake.config)
        dataset = config.datasets[snakemake.wildcards.dataset]
        recipe = config.recipe_of(snakemake.wildcards.dataset)
        counts = config.results / snakemake.wildcards.dataset / "counts.csv"
        if is_intact(counts):  # no input: a training stands on train's images alone
            require_left(counts, config.retrieval, recipe.optimizer.batch_size)
        training = TrainJob(
            recipe=recipe.completing(snakemake.params.recipe),
            adaption=snakemake.params.adaption,
            original=list(snakemake.input.original),
            root=root_of(dataset),
            anonymized=list(snakemake.input.get("anonymized", [])),
            seed=int(snakemake.wildcards.seed),
            output=snakemake.output.backbone,
            log=snakemake.output.history,
            checkpoint=snakemake.output.backbone.with_suffix(".safetensors.checkpoint"),
            metrics_log=Path(snakemake.log[0]).with_suffix(""),
            unadapted=next(iter(snakemake.input.get("unadapted", [])), None),
        )
        with locked_gpus(recipe.gpus_needed):
            run(training)
