# The paper beside ours: published numbers, differences, claims; and the tables of scenarios.

from anonbench.reporting.paper.ours import our_data
from anonbench.reporting.paper.scenario_tables import profiles, scenario_grid, scenario_rows

paper_data = our_data(settings)
paper_names = [data.name for data in paper_data]


rule scenarios:
    output:
        [paths.page("table", f"scenarios_{name}") for name in experiment.datasets],
    log:
        "<logs>/table/scenarios.log",
    benchmark:
        "<benchmarks>/table/scenarios.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        code=code_of("scenarios"),
        rows=[scenario_rows(experiment, name) for name in experiment.datasets],
        # a function: only for those who ask for these tables
        grids=lambda _: [scenario_grid(experiment, name) for name in experiment.datasets],
    script:
        "../scripts/scenarios.py"


# Images and settings of each data set.
rule experiment:
    input:
        paths.dataset_files("{dataset}/counts.csv"),
    output:
        sizes=paths.page("table", "sizes"),
        profiles=paths.page("table", "experiment"),
    log:
        "<logs>/table/experiment.log",
    benchmark:
        "<benchmarks>/table/experiment.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        code=code_of("experiment"),
        datasets=list(datasets),
        profiles=profiles(settings),
    script:
        "../scripts/experiment.py"


rule paper_comparison:
    input:
        scores=paths.dataset_files("{dataset}/scores.csv", paper_names),
        comparisons=paths.dataset_files("{dataset}/comparisons.csv", paper_names),
        best=paths.dataset_files("{dataset}/best.csv", paper_names),
    output:
        comparison=multiext("<results>/paper/comparison", ".csv", ".md", ".tex"),
        claims=multiext("<results>/paper/claims", ".csv", ".md", ".tex"),
        cases="<results>/paper/cases.csv",
    log:
        "<logs>/paper/comparison.log",
    benchmark:
        "<benchmarks>/paper/comparison.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        code=code_of("compare"),
        level=round(1 - settings.presentation.confidence, 9),
        datasets=paper_data,
    script:
        "../scripts/compare.py"


compared_files = [rules.paper_comparison.output] if paper_data else []
