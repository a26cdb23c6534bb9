from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.detection.quality.jobs import evaluate_detection
    from anonbench.reporting.detection import write_quality

    settings = snakemake.params.slice["settings"]
    summary, visible_area = evaluate_detection(
        manifest=Path(snakemake.input.manifest),
        boxes=Path(snakemake.input.boxes),
        images=[Path(path) for path in snakemake.input.images],
        truth=Path(snakemake.params.drawn_truth or snakemake.input.truth[0]),
        drawn=bool(snakemake.params.drawn_truth),
        resamples=settings["bootstrap"],
        confidence=settings["confidence"],
        hidden=snakemake.params.slice["hidden"],
        regions=Path(snakemake.output.regions),
        by_image=Path(snakemake.output.images),
        summary=Path(snakemake.output.summary),
        sight=Path(snakemake.output.visible_area),
    )
    write_quality(
        summary, visible_area, snakemake.wildcards.dataset, Path(snakemake.output.markdown)
    )
