from contextlib import nullcontext

from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    if not cache.is_done():
        from anonbench.core.libraries.devices import locked_gpus

        with locked_gpus(snakemake.resources.gpu):
            from anonbench.config import Anonymization, Privacy, load
            from anonbench.core.boxes import read_boxes
            from anonbench.core.io import write_parquet
            from anonbench.core.vocabulary import Entity, Variant
            from anonbench.datasets.clusters import read_people
            from anonbench.datasets.image_sets.shards import ImageSet, open_sets
            from anonbench.datasets.listing import root_in
            from anonbench.evaluation.privacy.attackers import own_attacker
            from anonbench.evaluation.privacy.published import Published
            from anonbench.evaluation.privacy.reidentification import reidentify

            settings = Privacy.model_validate(snakemake.params.privacy)
            variants = snakemake.params.variants
            root = root_in(snakemake.config, snakemake.wildcards.dataset)
            names = ["original", *(name for name, _ in variants)]
            originals, *images = open_sets(names, snakemake.input.images, root).values()
            methods, pictures = snakemake.params.pictured_methods, snakemake.input.given
            left = iter(snakemake.input.backbones)
            system = load(snakemake.config).system_of(snakemake.wildcards.dataset)

            reference = next(left) if system is None else system
            versions = [Variant.parse(name) for name, _ in variants]
            adapted = {
                version: system.model_copy(update={"adapter": next(left)}) if system else next(left)
                for version, (_, model) in zip(versions, variants, strict=True)
                if model
            }
            if system is not None and not system.embeds_images:
                reference = None  # its vectors were computed elsewhere
            with own_attacker(reference) if reference else nullcontext() as unadapted:
                probes = reidentify(
                    Published(
                        originals,
                        dict(zip(versions, images, strict=True)),
                        boxes=read_boxes(snakemake.input.boxes),
                        people=read_people(
                            snakemake.input.manifest, settings.identity, "privacy.identity"
                        ),
                        train=ImageSet.of(snakemake.input.train, root),
                        given=open_sets(methods, pictures) if pictures else {},
                    ),
                    adapted=adapted,
                    sought=[Entity(name) for name in snakemake.params.sought],
                    unadapted=unadapted,
                    settings=settings,
                    hiding=Anonymization.model_validate(snakemake.params.hiding["settings"]),
                    seed=snakemake.params.seed,
                )
            write_parquet(probes, snakemake.output.probes)
