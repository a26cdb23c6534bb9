from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.config import load
    from anonbench.core.io import write_csv
    from anonbench.datasets.clusters import read_clusters
    from anonbench.evaluation.near_duplicates import score_without
    from anonbench.evaluation.retrieval.job import Embedded
    from anonbench.evaluation.scores import read_scores

    given, params = snakemake.input, snakemake.params
    files = zip(params.scenarios, given.queries, given.databases, strict=True)
    distances = {"near_duplicates": params.near_duplicates}
    table = score_without(
        snakemake.wildcards.dataset,
        given.hashes,
        given.reference,
        [Embedded(*each) for each in files],
        read_scores(given.scores),
        read_clusters(given.clusters),
        load(snakemake.config).retrieval.completing(params.retrieval | distances),
        params.reference_seed,
        params.control_seeds,
        params.confidence,
    )
    write_csv(table, snakemake.output[0])
