from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.datasets.listing import root_in
    from anonbench.reporting.images.sheets import draw_sheets

    part = snakemake.params.slice
    root = root_in(snakemake.config, snakemake.wildcards.dataset)
    truth = [snakemake.params.drawn_truth, *snakemake.input.truth]
    draw_sheets(
        manifest=Path(snakemake.input.manifest),
        boxes=Path(snakemake.input.boxes),
        images=[Path(path) for path in snakemake.input.images],
        review=Path(snakemake.input.review),
        truth=next((Path(path) for path in truth if path), None),
        drawn=bool(snakemake.params.drawn_truth),
        root=root if part["settings"]["show_originals"] else None,
        max_pixels=part["max_pixels"],
        count=part["drawn"],
        dpi=part["settings"]["dpi"],
        least_certain=Path(snakemake.output.least_certain),
        sample=Path(snakemake.output.sample),
    )
