# The paper beside ours: published numbers, differences, claims; and the tables of scenarios.

import sys

from anonbench.reporting.paper.ours import our_data
from anonbench.reporting.paper.published import digest
from anonbench.reporting.scenario_tables import (
    SCENARIO_TABLES,
    profiles,
    scenario_grid,
    scenario_rows,
)

paper_data = our_data(settings)


rule scenarios:
    output:
        csv=f"{results}/tables/scenarios_{{dataset}}.csv",
        markdown=f"{results}/tables/scenarios_{{dataset}}.md",
        latex=f"{results}/tables/scenarios_{{dataset}}.tex",
    log:
        f"{logs}/table/scenarios_{{dataset}}.log",
    benchmark:
        f"{benchmarks}/table/scenarios_{{dataset}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        rows=lambda w: scenario_rows(experiment, w.dataset),
        grid=lambda w: scenario_grid(experiment, w.dataset),
    script:
        "../scripts/scenarios.py"


rule profiles:
    input:
        expand(plain(rules.boxes.output.counts), dataset=experiment.datasets),
    output:
        csv=f"{results}/tables/experiment.csv",
        markdown=f"{results}/tables/experiment.md",
        latex=f"{results}/tables/experiment.tex",
    log:
        f"{logs}/table/experiment.log",
    benchmark:
        f"{benchmarks}/table/experiment.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        profiles=profiles(settings),
    script:
        "../scripts/profiles.py"


rule table_I:
    input:
        rules.profiles.output,
        expand(f"{results}/tables/sizes.{{suffix}}", suffix=TABLE_SUFFIXES),


for _number, _role in SCENARIO_TABLES.items():
    _names = [data.name for data in paper_data if data.role == _role]
    if not _names and f"table_{_number}" in sys.argv[1:]:
        raise WorkflowError(
            f"table_{_number} cannot be made with this config: needs a data set with "
            f"paper_role: {_role}, and none is enabled."
        )
    for _name in _names:

        rule:
            name:
                f"table_{_number}"
            input:
                expand(
                    f"{results}/tables/scenarios_{_name}.{{suffix}}",
                    suffix=TABLE_SUFFIXES,
                ),


rule paper_comparison:
    input:
        scores=[f"{results}/{data.name}/scores.csv" for data in paper_data],
        counts=[f"{results}/{data.name}/counts.csv" for data in paper_data],
    output:
        csv=f"{results}/paper/comparison.csv",
        facts=f"{results}/paper/facts.csv",
        markdown=f"{results}/paper/comparison.md",
        latex=f"{results}/paper/comparison.tex",
    log:
        f"{logs}/paper/comparison.log",
    benchmark:
        f"{benchmarks}/paper/comparison.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        datasets=paper_data,
        published=digest(),
    script:
        "../scripts/compare.py"


rule paper_claims:
    input:
        scores=rules.paper_comparison.input.scores,
        comparisons=[f"{results}/{data.name}/comparisons.csv" for data in paper_data],
    output:
        csv=f"{results}/paper/claims.csv",
        cases=f"{results}/paper/cases.csv",
        markdown=f"{results}/paper/claims.md",
        latex=f"{results}/paper/claims.tex",
    log:
        f"{logs}/paper/claims.log",
    benchmark:
        f"{benchmarks}/paper/claims.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        datasets=paper_data,
        published=digest(),
        level=round(1 - settings.presentation.confidence, 9),
    script:
        "../scripts/claims.py"


rule paper_scatter:
    input:
        rules.paper_comparison.output.csv,
    output:
        png=f"{results}/paper/scatter_{{role}}.png",
        svg=f"{results}/paper/scatter_{{role}}.svg",
    log:
        f"{logs}/paper/scatter_{{role}}.log",
    benchmark:
        f"{benchmarks}/paper/scatter_{{role}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        slice=stage_parameters.show(settings, "dpi"),
    script:
        "../scripts/scatter.py"


if paper_data:

    rule compare_paper:
        input:
            rules.paper_comparison.output,
            rules.paper_claims.output,
            expand(
                f"{results}/paper/scatter_{{role}}.{{suffix}}",
                role=[data.role for data in paper_data],
                suffix=FIGURE_SUFFIXES,
            ),

else:

    if "compare_paper" in sys.argv[1:]:
        raise WorkflowError(
            "compare_paper cannot be made with this config: no data set has a paper_role."
        )
