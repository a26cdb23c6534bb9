from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.core.io import write_csv
    from anonbench.datasets.clusters import read_clusters
    from anonbench.evaluation.comparisons.columns import columns_of
    from anonbench.evaluation.comparisons.pairwise import compare, compare_methods
    from anonbench.evaluation.decision import Judging
    from anonbench.evaluation.scores import scenario_files

    scenarios = scenario_files(
        snakemake.params.scenarios,
        snakemake.input.retrieval,
        snakemake.input.queries,
        snakemake.input.downstream,
        snakemake.input.predictions,
    )
    columns = list(
        columns_of(scenarios, snakemake.params.reference_seed, snakemake.params.control_seeds)
    )
    clusters = read_clusters(Path(snakemake.input.clusters))
    judging = Judging(clusters, **snakemake.params.slice["settings"])
    for name, compared in {"models": compare, "methods": compare_methods}.items():
        table = compared(snakemake.wildcards.dataset, columns, judging)
        write_csv(table, Path(snakemake.output[name]))
