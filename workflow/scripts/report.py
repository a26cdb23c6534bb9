from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.labels import name_system

    name_system(snakemake.params.system)  # before labels are put together

    from anonbench.config import load
    from anonbench.config.experiment import Experiment
    from anonbench.core.provenance import versions
    from anonbench.reporting.html.build import build_report
    from anonbench.reporting.html.page import sections
    from anonbench.reporting.paper.claims import claims_grid, evaluate
    from anonbench.reporting.paper.comparison import agreement_grid

    experiment = Experiment(load(snakemake.params.config))
    results = snakemake.output[0].parent
    datasets, paper = snakemake.params.paper, []
    if datasets:
        files = [
            [results / data.name / f"{name}.csv" for data in datasets]
            for name in ("scores", "comparisons", "best")
        ]
        level = 1 - experiment.config.presentation.confidence
        cases, comparison = evaluate(datasets, *files, level)
        paper = [claims_grid(cases, datasets), agreement_grid(comparison)]
    digests = iter(snakemake.input.get("digests", ()))
    image_sets = {
        name: [(split, variant, [next(digests) for _ in range(n)]) for split, variant, n in sets]
        for name, sets in snakemake.params.image_sets.items()
    }
    build_report(
        experiment.config.title,
        sections(experiment, results, image_sets),
        snakemake.params.config,
        versions(*snakemake.params.packages),
        snakemake.output[0],
        system=snakemake.params.system,
        effort=results / "tables" / "cost.csv",
        stages=snakemake.params.stages,
        configfiles=snakemake.params.configfiles,
        place=snakemake.params.place,
        paper=paper,
    )
