from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.config.outputs import Scenario
    from anonbench.core.io import write_csv
    from anonbench.core.vocabulary import Model, Variant
    from anonbench.datasets.clusters import read_clusters
    from anonbench.evaluation.comparisons.best import collect_best, second_columns
    from anonbench.evaluation.comparisons.columns import columns_of
    from anonbench.evaluation.comparisons.effect_table import read_by_reference
    from anonbench.evaluation.decision import Judging
    from anonbench.evaluation.scores import scenario_files

    files = scenario_files(
        snakemake.params.scenarios,
        snakemake.input.retrieval,
        snakemake.input.queries,
        snakemake.input.downstream,
        snakemake.input.predictions,
    )
    trained = [
        Scenario(Model.parse(model), seed, Variant.parse(variant))
        for model, seed, variant in snakemake.params.trained
    ]
    references = snakemake.params.references
    own, second = ([Path(p) for p in snakemake.input[name]] for name in ("own", "second"))
    scores = read_by_reference(trained, references, own, second)
    settings = dict(snakemake.params.slice["settings"])
    resamples = settings.pop("bootstrap")
    table = collect_best(
        snakemake.wildcards.dataset,
        columns_of(files, snakemake.params.reference_seed, snakemake.params.control_seeds),
        second_columns(trained, references, scores),
        Judging(read_clusters(Path(snakemake.input.clusters)), **settings),
        resamples,
    )
    write_csv(table, Path(snakemake.output[0]))
