from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    if not cache.is_done():
        from anonbench.config import load
        from anonbench.core.libraries.devices import locked_gpus
        from anonbench.datasets.image_sets.shards import ImageSet
        from anonbench.datasets.listing import root_of
        from anonbench.embedding.embed_systems import embed_sets

        config, name = load(snakemake.config), snakemake.params.dataset
        system, adapter = config.system_of(name), snakemake.input.get("adapter")
        if adapter:
            system = system.model_copy(update={"adapter": Path(adapter)})
        root = root_of(config.datasets[name])
        outputs = {
            each: Path(file) for each, file in snakemake.output.items() if file.endswith(".h5")
        }
        with locked_gpus(snakemake.resources.gpu):
            embed_sets(
                system,
                [
                    (output.parent.name, ImageSet.of(files, root), output)
                    for each, output in outputs.items()
                    for files in [map(Path, snakemake.input[each])]
                ],
                kept=next(iter(outputs.values())).parent.parent / "kept",
            )
