from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.core.io import write_csv
    from anonbench.evaluation.mapped.gather import gather

    files = dict(zip(snakemake.params.variants, map(Path, snakemake.input), strict=True))
    write_csv(gather(snakemake.wildcards.dataset, files), Path(snakemake.output[0]))
