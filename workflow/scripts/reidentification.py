from pathlib import Path

from anonbench.runtime import job

with job(snakemake, __file__):
    import pandas as pd

    from anonbench.files import write_csv
    from anonbench.privacy.rates import rates

    probes = pd.read_parquet(snakemake.input.probes)
    confidence = snakemake.params.slice["settings"]["confidence"]
    write_csv(rates(snakemake.wildcards.dataset, probes, confidence), Path(snakemake.output[0]))
