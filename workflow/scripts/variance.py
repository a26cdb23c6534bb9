from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.config.outputs import Scenario
    from anonbench.core.io import write_csv
    from anonbench.core.vocabulary import Model, Variant
    from anonbench.datasets.clusters import read_clusters
    from anonbench.evaluation.comparisons.effect_table import measure, read_by_reference
    from anonbench.evaluation.sample_sizes.variance import tabulate_variances

    scenarios = [
        Scenario(Model.parse(model), seed, Variant.parse(variant))
        for model, seed, variant in snakemake.params.scenarios
    ]
    own, second = map(Path, snakemake.input.own), map(Path, snakemake.input.second)
    references = snakemake.params.references
    shown = snakemake.params.slice["settings"]
    table = tabulate_variances(
        snakemake.wildcards.dataset,
        measure(scenarios, references, read_by_reference(scenarios, references, [*own], [*second])),
        read_clusters(Path(snakemake.input.clusters)),
        shown["confidence"],
        shown["stated_difference"],
    )
    write_csv(table, Path(snakemake.output[0]))
