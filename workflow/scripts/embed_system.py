from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    if not cache.is_done():
        from anonbench.config import load
        from anonbench.core.libraries.devices import locked_gpus
        from anonbench.datasets.image_sets.shards import ImageSet
        from anonbench.datasets.listing import root_of
        from anonbench.embedding.given_systems import embed_sets

        config, name = load(snakemake.config), snakemake.params.dataset
        system, adapter = config.system_of(name), snakemake.input.get("adapter")
        if adapter:
            system = system.model_copy(update={"adapter": adapter})
        root = root_of(config.datasets[name])
        outputs = [each for each in snakemake.output.items() if each[1].suffix == ".h5"]
        with locked_gpus(snakemake.resources.gpu):
            embed_sets(
                system,
                [
                    (output.parent.name, ImageSet.of(snakemake.input[name], root), output)
                    for name, output in outputs
                ],
                kept=outputs[0][1].parent.parent / "kept",
            )
