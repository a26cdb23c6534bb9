from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.config import Retrieval
    from anonbench.core.io import write_json
    from anonbench.core.vocabulary import Variant
    from anonbench.datasets.listing import root_in
    from anonbench.reporting.explorer import ScenarioEmbeddings, explore
    from anonbench.reporting.shown_images import open_shown

    rows = zip(
        snakemake.params.scenarios, snakemake.input.originals, snakemake.input.images, strict=True
    )
    root = root_in(snakemake.config, snakemake.wildcards.dataset)
    variants = snakemake.params.pictures
    show_originals = snakemake.params.show_originals
    shown = open_shown(
        list(variants.values()),
        list(map(Path, snakemake.input.shards)),
        root,
        list(map(Path, snakemake.input.searched)),
        show_originals,
    )
    explorer = explore(
        snakemake.wildcards.dataset,
        Path(snakemake.input.reference),
        [
            ScenarioEmbeddings(adaption, Variant.parse(variant), Path(originals), Path(images))
            for (adaption, variant), originals, images in rows
        ],
        {kind: shown[variant] for kind, variant in variants.items()},
        Path(snakemake.input.manifest),
        snakemake.params.label,
        Retrieval(**snakemake.params.retrieval),
        queries=snakemake.params.queries,
        results=snakemake.params.results,
    )
    write_json(Path(snakemake.output[0]), explorer)
