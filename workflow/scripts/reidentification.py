from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    import pandas as pd

    from anonbench.core.io import write_csv
    from anonbench.datasets.clusters import read_clusters
    from anonbench.evaluation.privacy.rates import rates, with_clusters

    clusters = read_clusters(snakemake.input.clusters)
    probes = with_clusters(pd.read_parquet(snakemake.input.probes), clusters)
    confidence = snakemake.params.confidence
    write_csv(rates(snakemake.wildcards.dataset, probes, confidence), snakemake.output[0])
