from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.config import load
    from anonbench.config.outputs import Scenario
    from anonbench.core.io import write_csv
    from anonbench.core.vocabulary import Model, Variant
    from anonbench.datasets.clusters import read_clusters
    from anonbench.evaluation.retrieval.new_persons import new_persons
    from anonbench.evaluation.retrieval.stage.job import Embedded

    scenarios = [
        Scenario(Model.parse(model), seed, Variant.parse(variant))
        for model, seed, variant in snakemake.params.scenarios
    ]
    names = [scenario.path for scenario in scenarios]
    queries = map(Path, snakemake.input.queries)
    databases = map(Path, snakemake.input.databases)
    chosen = snakemake.params.slice
    table = new_persons(
        snakemake.wildcards.dataset,
        Path(snakemake.input.reference),
        scenarios,
        [Embedded(*each) for each in zip(names, queries, databases, strict=True)],
        read_clusters(Path(snakemake.input.clusters)),
        load(snakemake.config).retrieval.completing(chosen["retrieval"]),
        chosen["confidence"],
    )
    write_csv(table, Path(snakemake.output[0]))
