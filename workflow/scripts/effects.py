from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.config.outputs import Scenario
    from anonbench.core.io import write_csv
    from anonbench.core.vocabulary import Model, Variant
    from anonbench.datasets.clusters import read_clusters
    from anonbench.evaluation.comparisons.best import collect_best, second_columns
    from anonbench.evaluation.comparisons.columns import columns_of
    from anonbench.evaluation.comparisons.effect_table import measure, read_by_reference, tabulate
    from anonbench.evaluation.decision import Judging
    from anonbench.evaluation.sample_sizes import tabulate_variances
    from anonbench.evaluation.scores import scenario_files

    given, made, params = snakemake.input, snakemake.output, snakemake.params
    name, clusters = params.dataset, read_clusters(given.clusters)
    settings = params.tests
    judging = Judging(clusters, settings["confidence"], settings["equivalence_margin"])
    trained = [Scenario(Model.parse(m), seed, Variant.parse(v)) for m, seed, v in params.trained]
    scores = read_by_reference(trained, params.references, given.own, given.second)
    files = scenario_files(
        params.scenarios, given.retrieval, given.queries, given.downstream, given.predictions
    )
    best = collect_best(
        name,
        columns_of(files, params.reference_seed, params.control_seeds),
        second_columns(trained, params.references, scores),
        judging,
        settings["bootstrap"],
    )
    write_csv(best, made.best)
    if "effects" in dict(made.items()):
        effects = measure(trained, params.references, scores)
        write_csv(tabulate(name, effects, judging), made.effects)
        variances = tabulate_variances(
            name,
            measure(trained, params.references, scores),
            clusters,
            settings["confidence"],
            settings["stated_difference"],
        )
        write_csv(variances, made.variance)
