from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.core.io import write_csv
    from anonbench.datasets.clusters import read_clusters
    from anonbench.evaluation.comparisons.best import compare, compare_methods
    from anonbench.evaluation.comparisons.columns import columns_of
    from anonbench.evaluation.decision import Judging
    from anonbench.evaluation.scores import collect, scenario_files

    given, params = snakemake.input, snakemake.params
    name, clusters = snakemake.wildcards.dataset, read_clusters(given.clusters)
    scenarios = scenario_files(
        params.scenarios, given.retrieval, given.queries, given.downstream, given.predictions
    )
    seeds = params.reference_seed, params.control_seeds
    table = collect(name, scenarios, clusters, *seeds, confidence=params.tests["confidence"])
    write_csv(table, snakemake.output.scores)
    columns = list(columns_of(scenarios, *seeds))
    judging = Judging(clusters, **params.tests)
    for output, test in (("models", compare), ("methods", compare_methods)):
        write_csv(test(name, columns, judging), snakemake.output[output])
