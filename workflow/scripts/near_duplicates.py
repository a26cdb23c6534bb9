from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.config import load
    from anonbench.core.io import write_csv
    from anonbench.datasets.clusters import read_clusters
    from anonbench.evaluation.near_duplicates import score_without
    from anonbench.evaluation.retrieval.job import Embedded
    from anonbench.reporting.summary import read_scores

    files = zip(
        snakemake.params.scenarios,
        map(Path, snakemake.input.queries),
        map(Path, snakemake.input.databases),
        strict=True,
    )
    params = snakemake.params
    distances = {"near_duplicates": params.near_duplicates}
    table = score_without(
        snakemake.wildcards.dataset,
        list(map(Path, snakemake.input.hashes)),
        Path(snakemake.input.reference),
        [Embedded(*each) for each in files],
        read_scores(Path(snakemake.input.scores)),
        read_clusters(Path(snakemake.input.clusters)),
        load(snakemake.config).retrieval.completing(params.retrieval | distances),
        snakemake.params.reference_seed,
        snakemake.params.control_seeds,
        params.confidence,
    )
    write_csv(table, Path(snakemake.output[0]))
