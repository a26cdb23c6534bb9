from pathlib import Path

from anonbench.runtime import job

with job(snakemake, __file__):
    from anonbench.detectors.judge import judge_dataset
    from anonbench.presentation.detection import write_quality

    settings = snakemake.params.slice["settings"]
    summary = judge_dataset(
        manifest=Path(snakemake.input.manifest),
        boxes=Path(snakemake.input.boxes),
        images=[Path(path) for path in snakemake.input.images],
        truth=Path(snakemake.params.truth),
        drawn=snakemake.params.drawn,
        resamples=settings["bootstrap"],
        confidence=settings["confidence"],
        regions=Path(snakemake.output.regions),
        by_image=Path(snakemake.output.images),
        summary=Path(snakemake.output.summary),
    )
    write_quality(summary, snakemake.wildcards.dataset, Path(snakemake.output.markdown))
