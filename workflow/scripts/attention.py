from pathlib import Path

from anonbench.runtime import job

with job(snakemake.log[0], snakemake.threads):
    from anonbench.imageset import ImageSet
    from anonbench.presentation.attention import panels
    from anonbench.presentation.figures.attention import attention

    attention(
        panels(
            dict(zip(snakemake.params.models, map(Path, snakemake.input.maps), strict=True)),
            {
                name: ImageSet.open([Path(path) for path in shards])
                for name, shards in snakemake.params.shown.items()
            },
        ),
        outputs=[Path(path) for path in snakemake.output],
        dpi=snakemake.params.slice["settings"]["dpi"],
    )
