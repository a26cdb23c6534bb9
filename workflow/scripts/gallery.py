from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.labels import name_system

    name_system(snakemake.params.system)  # before labels are put together

    from anonbench.core.vocabulary import Model, Variant
    from anonbench.datasets.listing import root_in
    from anonbench.reporting.figures.gallery import gallery
    from anonbench.reporting.images.gallery import Database, gallery_rows
    from anonbench.reporting.images.shown import open_shown
    from anonbench.reporting.summary import read_scores

    root = root_in(snakemake.config, snakemake.wildcards.dataset)
    settings = snakemake.params.slice["settings"]
    shown = open_shown(
        snakemake.params.shown,
        list(map(Path, snakemake.input.shown)),
        root,
        list(map(Path, snakemake.input.searched)),
        settings["show_originals"],
    )
    gallery(
        gallery_rows(
            read_scores(Path(snakemake.input.scores)),
            Path(snakemake.input.reference),
            [
                Database(Model.parse(model), Variant.parse(variant), Path(path))
                for (model, variant), path in zip(
                    snakemake.params.scenarios, snakemake.input.embeddings, strict=True
                )
            ],
            {Variant.parse(name): images for name, images in shown.items()},
        ),
        outputs=[Path(path) for path in snakemake.output],
        dpi=settings["dpi"],
    )
