from pathlib import Path

from anonbench.runtime import job

with job(snakemake.log[0], snakemake.threads):
    from anonbench.config import Detection, DetectorName
    from anonbench.detectors.judge import sweep_dataset

    part = snakemake.params.slice
    sweep_dataset(
        manifest=Path(snakemake.input.manifest),
        images=[Path(path) for path in snakemake.input.images],
        truth=Path(snakemake.params.drawn_truth or snakemake.input.truth[0]),
        drawn=bool(snakemake.params.drawn_truth),
        root=Path(snakemake.params.root),
        detectors=[DetectorName(name) for name in part["detectors"]],
        settings=Detection.model_validate(part["settings"]),
        count=part["sweep"]["images"],
        thresholds=part["sweep"]["thresholds"],
        output=Path(snakemake.output[0]),
    )
