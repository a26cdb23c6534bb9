from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.grid_tables import write_sizes
    from anonbench.reporting.paper.scenario_tables import write_profiles

    paths, params = [Path(path) for path in snakemake.input], snakemake.params
    csv, markdown, latex = map(Path, snakemake.output.sizes)
    counts = dict(zip(params.datasets, paths, strict=True))
    write_sizes(counts, csv=csv, markdown=markdown, latex=latex)
    csv, markdown, latex = map(Path, snakemake.output.profiles)
    write_profiles(params.profiles, paths, csv=csv, markdown=markdown, latex=latex)
