from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.config.outputs import Scenario
    from anonbench.core.io import write_csv
    from anonbench.core.vocabulary import Model, Variant
    from anonbench.datasets.clusters import read_clusters
    from anonbench.evaluation.comparisons.effect_table import collect_effects
    from anonbench.evaluation.decision import Judging

    clusters = read_clusters(Path(snakemake.input.clusters))
    table = collect_effects(
        snakemake.wildcards.dataset,
        [
            Scenario(Model.parse(model), seed, Variant.parse(variant))
            for model, seed, variant in snakemake.params.scenarios
        ],
        snakemake.params.references,
        [Path(path) for path in snakemake.input.own],
        [Path(path) for path in snakemake.input.second],
        Judging(clusters, **snakemake.params.slice["settings"]),
    )
    write_csv(table, Path(snakemake.output[0]))
