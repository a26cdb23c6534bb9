from pathlib import Path

from anonbench.runtime import job

with job(snakemake.log[0], snakemake.threads):
    from anonbench.imageset import ImageSet
    from anonbench.presentation.figures.gallery import gallery
    from anonbench.presentation.gallery import Database, shelves
    from anonbench.presentation.summary import read_scores
    from anonbench.vocabulary import Model, Variant

    gallery(
        shelves(
            read_scores(Path(snakemake.input.scores)),
            Path(snakemake.input.reference),
            [
                Database(Model.parse(model), Variant.parse(variant), Path(path))
                for (model, variant), path in zip(
                    snakemake.params.scenarios, snakemake.input.embeddings, strict=True
                )
            ],
            {
                Variant.parse(name): ImageSet.open([Path(path) for path in shards])
                for name, shards in snakemake.params.shown.items()
            },
        ),
        outputs=[Path(path) for path in snakemake.output],
        dpi=snakemake.params.slice["settings"]["dpi"],
    )
