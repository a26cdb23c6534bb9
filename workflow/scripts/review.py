from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.detection.quality.jobs import review_dataset

    review_dataset(
        manifest=Path(snakemake.input.manifest),
        boxes=Path(snakemake.input.boxes),
        images=[Path(path) for path in snakemake.input.images],
        most=snakemake.params.listed,
        output=Path(snakemake.output[0]),
    )
