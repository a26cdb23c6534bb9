from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    import pandas as pd

    from anonbench.core.io import write_csv
    from anonbench.evaluation.privacy.rates import rates

    probes = pd.read_parquet(snakemake.input.probes)
    confidence = snakemake.params.slice["settings"]["confidence"]
    write_csv(rates(snakemake.wildcards.dataset, probes, confidence), Path(snakemake.output[0]))
