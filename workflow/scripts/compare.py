from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.paper.claims import write_claims
    from anonbench.reporting.paper.comparison import write_comparison

    made, params = snakemake.output, snakemake.params
    scores, comparisons, best = (
        list(map(Path, snakemake.input[each])) for each in ("scores", "comparisons", "best")
    )
    write_comparison(params.datasets, scores, list(map(Path, made.comparison)))
    claims = list(map(Path, made.claims))
    write_claims(params.datasets, scores, comparisons, best, params.level, claims, Path(made.cases))
