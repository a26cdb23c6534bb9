from pathlib import Path

from anonbench.runtime import job

with job(snakemake.log[0], snakemake.threads):
    from anonbench.config import load
    from anonbench.experiment import Experiment
    from anonbench.presentation.report.build import build_report, sections
    from anonbench.presentation.report.effort import Effort
    from anonbench.presentation.report.paper import paper_grids
    from anonbench.provenance import versions

    experiment = Experiment(load(snakemake.params.config))
    results = Path(snakemake.output[0]).parent
    names = [data.name for data in snakemake.params.paper]
    build_report(
        experiment.config.title,
        sections(experiment, results),
        snakemake.params.config,
        versions(*snakemake.params.packages),
        Path(snakemake.output[0]),
        pipeline=results / "figures" / "pipeline.png",
        effort=Effort(
            results / "tables" / "cost.csv",
            results / "tables" / "machines.csv",
            results / "figures" / "cost.png",
        ),
        grids=paper_grids(
            snakemake.params.paper,
            [results / name / "scores.csv" for name in names],
            [results / name / "comparisons.csv" for name in names],
            1 - experiment.config.presentation.confidence,
        ),
    )
