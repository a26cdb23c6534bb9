from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.config import Retrieval
    from anonbench.core.io import write_json
    from anonbench.core.vocabulary import Variant
    from anonbench.datasets.listing import root_in
    from anonbench.reporting.explorer import ScenarioEmbeddings, explore
    from anonbench.reporting.shown_images import open_shown

    given, params, dataset = snakemake.input, snakemake.params, snakemake.wildcards.dataset
    shown = open_shown(
        list(params.pictures.values()),
        given.shards,
        root_in(snakemake.config, dataset),
        given.searched,
        params.show_originals,
    )
    rows = zip(params.scenarios, given.originals, given.images, strict=True)
    explorer = explore(
        dataset,
        given.reference,
        [
            ScenarioEmbeddings(adaption, Variant.parse(variant), originals, images)
            for (adaption, variant), originals, images in rows
        ],
        {kind: shown[variant] for kind, variant in params.pictures.items()},
        given.manifest,
        params.label,
        Retrieval(**params.retrieval),
        params.queries,
        params.results,
    )
    write_json(snakemake.output[0], explorer)
