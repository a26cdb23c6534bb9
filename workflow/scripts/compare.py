from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.paper.claims import evaluate, write_claims
    from anonbench.reporting.paper.comparison import write_comparison

    made, params = snakemake.output, snakemake.params
    scores, comparisons, best = (
        list(map(Path, snakemake.input[each])) for each in ("scores", "comparisons", "best")
    )
    cases, comparison = evaluate(params.datasets, scores, comparisons, best, params.level)
    write_comparison(comparison, list(map(Path, made.comparison)))
    write_claims(cases, params.datasets, list(map(Path, made.claims)), Path(made.cases))
