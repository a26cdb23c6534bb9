from pathlib import Path

from anonbench.runtime import job

with job(snakemake, __file__):
    from anonbench.imageset import open_sets
    from anonbench.presentation.attention import panels
    from anonbench.presentation.figures.attention import attention

    attention(
        panels(
            dict(zip(snakemake.params.models, map(Path, snakemake.input.maps), strict=True)),
            open_sets(snakemake.params.shown, [Path(path) for path in snakemake.input.shown]),
        ),
        outputs=[Path(path) for path in snakemake.output],
        dpi=snakemake.params.slice["settings"]["dpi"],
    )
