from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    if not cache.is_done():
        from anonbench.config import Anonymization, Detection, Privacy
        from anonbench.core.boxes import read_boxes
        from anonbench.core.io import write_csv
        from anonbench.core.registries.attacks import Equipment
        from anonbench.core.registries.method_names import published_as
        from anonbench.core.vocabulary import Adaption, Variant
        from anonbench.datasets.clusters import read_clusters, read_people
        from anonbench.datasets.image_sets.shards import ImageSet, open_sets
        from anonbench.datasets.listing import root_in
        from anonbench.evaluation.privacy.attacks.run import attack
        from anonbench.evaluation.privacy.published import Published

        chosen, dataset = snakemake.params.attacks, snakemake.wildcards.dataset
        settings = Privacy.model_validate(chosen["settings"])
        variants = [Variant(), *map(Variant.parse, snakemake.params.variants)]
        root = root_in(snakemake.config, dataset)
        sets = open_sets(list(map(str, variants)), snakemake.input.images, root)
        pictures, manifest = snakemake.input.given, snakemake.input.manifest
        apart = list(map(Variant.parse, snakemake.params.apart))

        def vectors(name):
            files = snakemake.input[name]
            return dict(zip([*variants, *apart], files, strict=True)) if files else {}

        table = attack(
            dataset,
            Published(
                originals=sets[str(Variant())],
                versions={variant: sets[str(variant)] for variant in variants[1:]},
                boxes=read_boxes(snakemake.input.boxes),
                clusters=read_clusters(snakemake.input.clusters),
                embeddings=vectors("embeddings"),
                training_vectors=vectors("training_vectors"),
                maps={
                    Variant.parse(published_as(path.stem, Adaption.MAPPED)): path
                    for path in snakemake.input.maps
                },
                people=read_people(manifest, settings.identity),
                labels=read_people(manifest, chosen["label"]) if chosen["label"] else {},
                attributes={name: read_people(manifest, name) for name in chosen["attributes"]},
                train=ImageSet.of(snakemake.input.train, root),
                given=open_sets(snakemake.params.pictured_methods, pictures) if pictures else {},
            ),
            settings,
            Equipment(
                Detection.model_validate(chosen["detection"]),
                Anonymization.model_validate(snakemake.params.hiding["settings"]),
                chosen["detectors"],
                snakemake.threads,
            ),
            chosen["seed"],
            chosen["confidence"],
        )
        write_csv(table, snakemake.output.table)
