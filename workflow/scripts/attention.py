from pathlib import Path

from anonbench.runtime import job

with job(snakemake, __file__):
    from anonbench.datasets.listing import root_in
    from anonbench.imageset import open_sets
    from anonbench.presentation.attention import panels
    from anonbench.presentation.figures.attention import attention

    root = root_in(snakemake.config, snakemake.wildcards.dataset)
    attention(
        panels(
            dict(zip(snakemake.params.models, map(Path, snakemake.input.maps), strict=True)),
            open_sets(snakemake.params.shown, list(map(Path, snakemake.input.shown)), root),
        ),
        outputs=[Path(path) for path in snakemake.output],
        dpi=snakemake.params.slice["settings"]["dpi"],
    )
