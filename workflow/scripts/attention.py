from pathlib import Path

from anonbench.runtime import job

with job(snakemake.log[0], snakemake.threads):
    from anonbench.imageset import ImageSet
    from anonbench.presentation.figures.attention import attention

    original = [Path(path) for path in snakemake.input.original]
    attention(
        Path(snakemake.input.maps),
        base=ImageSet.open(original) if original else None,
        outputs=[Path(path) for path in snakemake.output],
        dpi=snakemake.params.slice["settings"]["dpi"],
    )
