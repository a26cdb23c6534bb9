from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.config.experiment import Scenario
    from anonbench.core.io import write_csv
    from anonbench.core.vocabulary import Model, Variant
    from anonbench.evaluation.effect_table import measure, read_scores, tabulate

    scenarios = [
        Scenario(Model.parse(model), seed, Variant.parse(variant))
        for model, seed, variant in snakemake.params.scenarios
    ]
    first, *others = snakemake.params.references
    own = zip([each.path for each in scenarios], map(Path, snakemake.input.own), strict=True)
    second = zip(others, map(Path, snakemake.input.second), strict=True)
    effects = measure(scenarios, [first, *others], read_scores(first, dict(own), dict(second)))
    table = tabulate(snakemake.wildcards.dataset, effects, **snakemake.params.slice["settings"])
    write_csv(table, Path(snakemake.output[0]))
