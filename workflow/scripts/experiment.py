from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.grid_tables import write_sizes
    from anonbench.reporting.paper.scenario_tables import write_profiles

    given, made, params = snakemake.input, snakemake.output, snakemake.params
    write_sizes(dict(zip(params.datasets, given, strict=True)), made.sizes)
    write_profiles(params.profiles, given, made.profiles)
