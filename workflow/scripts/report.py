from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.labels import name_system

    name_system(snakemake.params.system)  # before labels are put together

    from anonbench.config import load
    from anonbench.config.experiment import Experiment
    from anonbench.core.provenance import versions
    from anonbench.reporting.html.build import build_report
    from anonbench.reporting.html.choices.in_full import planned
    from anonbench.reporting.html.dataset_section import sections
    from anonbench.reporting.html.effort import Effort
    from anonbench.reporting.html.paper import paper_grids
    from anonbench.workflow.commands import commands

    experiment = Experiment(load(snakemake.params.config))
    results = Path(snakemake.output[0]).parent
    names = [data.name for data in snakemake.params.paper]
    build_report(
        experiment.config.title,
        sections(experiment, results),
        snakemake.params.config,
        versions(*snakemake.params.packages),
        Path(snakemake.output[0]),
        system=snakemake.params.system,
        pipeline=results / "figures" / "pipeline.png",
        effort=Effort(
            results / "tables" / "cost.csv",
            results / "tables" / "machines.csv",
            results / "figures" / "cost.png",
        ),
        plans=planned(experiment),
        commands=commands(experiment),
        grids=paper_grids(
            snakemake.params.paper,
            [results / name / "scores.csv" for name in names],
            [results / name / "comparisons.csv" for name in names],
            [results / name / "best.csv" for name in names],
            1 - experiment.config.presentation.confidence,
        ),
    )
