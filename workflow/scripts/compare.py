from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.paper.claims import evaluate, write_claims
    from anonbench.reporting.paper.comparison import write_comparison

    made, params = snakemake.output, snakemake.params
    files = (snakemake.input[each] for each in ("scores", "comparisons", "best"))
    cases, comparison = evaluate(params.datasets, *files, params.level)
    write_comparison(comparison, made.comparison)
    write_claims(cases, params.datasets, made.claims, made.cases)
