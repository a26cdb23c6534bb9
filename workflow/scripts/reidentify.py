from contextlib import nullcontext
from pathlib import Path

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
            originals, *images = open_sets(
                ["original", *(name for name, _ in variants)],
                [Path(path) for path in snakemake.input.images],
                root,
            ).values()
            files = [Path(path) for path in snakemake.input.train]
            train = ImageSet.of(files, root)
            methods = snakemake.params.pictured_methods
            pictures = [Path(path) for path in snakemake.input.given]
            given = open_sets(methods, pictures) if pictures else {}
            hiding = Anonymization.model_validate(snakemake.params.hiding["settings"])
            left = iter(map(Path, snakemake.input.backbones))
            dataset = snakemake.wildcards.dataset
            system = load(snakemake.config).system_of(dataset)

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
                        boxes=read_boxes(Path(snakemake.input.boxes)),
                        people=read_people(
                            Path(snakemake.input.manifest), settings.identity, "privacy.identity"
                        ),
                        train=train,
                        given=given,
                    ),
                    adapted=adapted,
                    sought=[Entity(name) for name in snakemake.params.sought],
                    unadapted=unadapted,
                    settings=settings,
                    hiding=hiding,
                    seed=snakemake.params.seed,
                )
            write_parquet(probes, Path(snakemake.output.probes))
