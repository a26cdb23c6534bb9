from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.datasets.listing import root_in
    from anonbench.reporting.figures.attention import attention, panels
    from anonbench.reporting.images.shown import open_shown

    root = root_in(snakemake.config, snakemake.wildcards.dataset)
    settings = snakemake.params.settings
    attention(
        panels(
            dict(zip(snakemake.params.models, map(Path, snakemake.input.maps), strict=True)),
            open_shown(
                snakemake.params.shown,
                list(map(Path, snakemake.input.shown)),
                root,
                list(map(Path, snakemake.input.searched)),
                settings["show_originals"],
            ),
        ),
        outputs=[Path(path) for path in snakemake.output],
        dpi=settings["dpi"],
    )
