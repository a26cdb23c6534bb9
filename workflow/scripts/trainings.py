from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.config import load
    from anonbench.core.io import write_csv
    from anonbench.core.vocabulary import Model
    from anonbench.datasets.clusters import read_clusters
    from anonbench.evaluation.retrieval.training_agreement import agreement_of_trainings

    params = snakemake.params
    table = agreement_of_trainings(
        snakemake.wildcards.dataset,
        [(Model.parse(model), seed) for model, seed in params.trainings],
        snakemake.input.originals,
        read_clusters(snakemake.input.clusters),
        load(snakemake.config).retrieval.completing(params.retrieval),
        params.confidence,
    )
    write_csv(table, snakemake.output[0])
