from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.config import Deployments, load
    from anonbench.core.io import write_csv
    from anonbench.datasets.clusters import read_clusters
    from anonbench.evaluation.comparisons.best import OWN, SECOND
    from anonbench.evaluation.decision import Judging
    from anonbench.evaluation.deployments import read_labels, score_deployments

    params, wildcards = snakemake.params, snakemake.wildcards
    labels = snakemake.input.labels
    table = score_deployments(
        wildcards.dataset,
        params.degree,
        # there need not be a second one
        dict(zip((OWN, SECOND), snakemake.input.references, strict=False)),
        dict(zip(params.methods, snakemake.input.embeddings, strict=True)),
        read_labels(wildcards.dataset, labels[0], params.first) if labels else None,
        Deployments.model_validate(params.deployments),
        load(snakemake.config).retrieval.completing(params.retrieval),
        Judging(read_clusters(snakemake.input.clusters), **params.tests),
    )
    write_csv(table, snakemake.output[0])
