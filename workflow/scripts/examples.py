from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.core.vocabulary import Variant
    from anonbench.datasets.listing import root_in
    from anonbench.reporting.figures.examples import examples
    from anonbench.reporting.shown_images import choose, open_shown

    settings = snakemake.params.settings
    sets = open_shown(
        snakemake.params.variants,
        snakemake.input.shown,
        root_in(snakemake.config, snakemake.wildcards.dataset),
        snakemake.input.searched,
        settings["show_originals"],
    )
    variants = {Variant.parse(name): images for name, images in sets.items()}
    examples(
        variants,
        choose(next(iter(variants.values())).ids, settings["example_images"]),
        show_originals=settings["show_originals"],
        outputs=snakemake.output,
        dpi=settings["dpi"],
    )
