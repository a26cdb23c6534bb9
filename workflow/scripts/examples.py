from pathlib import Path

from anonbench.runtime import job

with job(snakemake.log[0], snakemake.threads):
    from anonbench.imageset import ImageSet
    from anonbench.presentation.figures.examples import choose, examples
    from anonbench.vocabulary import Variant

    settings = snakemake.params.slice["settings"]
    variants = {
        Variant.parse(name): ImageSet.open([Path(path) for path in shards])
        for name, shards in snakemake.params.variants.items()
    }
    examples(
        variants,
        choose(next(iter(variants.values())).ids, settings["example_images"]),
        show_originals=settings["show_originals"],
        outputs=[Path(path) for path in snakemake.output],
        dpi=settings["dpi"],
    )
