from pathlib import Path

from anonbench.runtime import job

with job(snakemake, __file__):
    from anonbench.detectors.judge import review_dataset

    review_dataset(
        manifest=Path(snakemake.input.manifest),
        boxes=Path(snakemake.input.boxes),
        images=[Path(path) for path in snakemake.input.images],
        most=snakemake.params.listed,
        output=Path(snakemake.output[0]),
    )
