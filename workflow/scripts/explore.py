from pathlib import Path

from anonbench.runtime import job

with job(snakemake, __file__):
    from anonbench.config import Retrieval
    from anonbench.datasets.listing import root_in
    from anonbench.files import write_json
    from anonbench.imageset import open_sets
    from anonbench.presentation.explorer import ScenarioEmbeddings, called, explore
    from anonbench.vocabulary import ORIGINAL, Variant

    rows = zip(
        snakemake.params.scenarios, snakemake.input.originals, snakemake.input.images, strict=True
    )
    root = root_in(snakemake.config, snakemake.wildcards.dataset)
    explorer = explore(
        snakemake.wildcards.dataset,
        Path(snakemake.input.reference),
        [
            ScenarioEmbeddings(adaption, Variant.parse(variant), Path(originals), Path(images))
            for (adaption, variant), originals, images in rows
        ],
        open_sets(snakemake.params.pictures, list(map(Path, snakemake.input.shards)), root),
        called(
            Path(snakemake.input.manifest),
            snakemake.params.label,
            show_originals=ORIGINAL in snakemake.params.pictures,
        ),
        Retrieval(**snakemake.params.retrieval),
        **snakemake.params.slice,
    )
    write_json(Path(snakemake.output[0]), explorer)
