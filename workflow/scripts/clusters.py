from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.config import PathPart
    from anonbench.datasets.clusters import write_clusters

    chosen = snakemake.params.clusters
    cluster = chosen["cluster"]
    write_clusters(
        name=snakemake.wildcards.dataset,
        manifest=snakemake.input.manifest,
        cluster=cluster if isinstance(cluster, str) else PathPart.model_validate(cluster),
        likely=chosen["likely"],
        output=snakemake.output.clusters,
    )
