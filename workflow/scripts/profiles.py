from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.paper.scenario_tables import write_profiles

    write_profiles(
        snakemake.params.profiles,
        [Path(path) for path in snakemake.input],
        csv=Path(snakemake.output.csv),
        markdown=Path(snakemake.output.markdown),
        latex=Path(snakemake.output.latex),
    )
