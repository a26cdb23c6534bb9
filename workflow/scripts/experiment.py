from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.grid_tables import write_sizes
    from anonbench.reporting.paper.scenario_tables import write_profiles

    paths, params = [Path(path) for path in snakemake.input], snakemake.params
    counts = dict(zip(params.datasets, paths, strict=True))
    write_sizes(counts, list(map(Path, snakemake.output.sizes)))
    write_profiles(params.profiles, paths, list(map(Path, snakemake.output.profiles)))
