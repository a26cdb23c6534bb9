from pathlib import Path

from anonbench.runtime import job

with job(snakemake.log[0], snakemake.threads):
    from anonbench.attention import write_attention_maps
    from anonbench.imageset import ImageSet
    from anonbench.presentation.figures.examples import choose

    images = ImageSet.open([Path(path) for path in snakemake.input.original])
    write_attention_maps(
        Path(snakemake.input.backbone),
        images,
        choose(images.ids, snakemake.params.slice["settings"]["attention_images"]),
        Path(snakemake.output[0]),
    )
