from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.config import Detection
    from anonbench.datasets.listing import root_in
    from anonbench.detection.quality.jobs import sweep_dataset

    part = snakemake.params.slice
    sweep_dataset(
        manifest=Path(snakemake.input.manifest),
        images=[Path(path) for path in snakemake.input.images],
        truth=Path(snakemake.params.drawn_truth or snakemake.input.truth[0]),
        drawn=bool(snakemake.params.drawn_truth),
        root=root_in(snakemake.config, snakemake.wildcards.dataset),
        detectors=part["detectors"],
        settings=Detection.model_validate(part["settings"]),
        count=part["images"],
        output=Path(snakemake.output[0]),
    )
