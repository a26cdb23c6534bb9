from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.core.io import write_csv
    from anonbench.datasets.clusters import read_clusters
    from anonbench.evaluation.scores import collect, scenario_files

    scenarios = scenario_files(
        snakemake.params.scenarios,
        snakemake.input.retrieval,
        snakemake.input.queries,
        snakemake.input.downstream,
        snakemake.input.predictions,
    )
    table = collect(
        snakemake.wildcards.dataset,
        scenarios,
        read_clusters(Path(snakemake.input.clusters)),
        snakemake.params.reference_seed,
        snakemake.params.control_seeds,
        **snakemake.params.slice["settings"],
    )
    write_csv(table, Path(snakemake.output[0]))
