from pathlib import Path

from anonbench.runtime import job

with job(snakemake.log[0], snakemake.threads):
    from anonbench.config import load
    from anonbench.experiment import Experiment, truth_of
    from anonbench.presentation.report.build import DatasetSection, build_report
    from anonbench.provenance import versions

    experiment = Experiment(load(snakemake.params.config))
    results = Path(snakemake.output[0]).parent
    sections = [
        DatasetSection(
            name=name,
            scores=results / name / "scores.csv",
            counts=results / name / "counts.csv",
            skipped=results / name / "skipped.csv",
            quality=(
                results / name / "quality" / "summary.csv"
                if truth_of(dataset) is not None
                else None
            ),
            tables=[table for table in experiment.tables if table.dataset == name],
            figures=[
                (figure, results / "figures" / f"{figure.stem}.png")
                for figure in experiment.figures
                if figure.dataset == name
            ],
            correlations={
                degree: results / name / "correlation" / f"{degree}.csv"
                for degree in sorted(dataset.degrees)
                if dataset.label is not None
            },
        )
        for name, dataset in experiment.datasets.items()
    ]
    build_report(
        experiment.config.title,
        sections,
        snakemake.params.config,
        versions(*snakemake.params.packages),
        Path(snakemake.output[0]),
        reference_seed=experiment.reference_seed,
    )
