from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.core.io import write_csv
    from anonbench.reporting.grid_tables import stage_costs

    write_csv(stage_costs(Path(snakemake.params.benchmarks)), snakemake.output[0])
