from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.paper.scenario_tables import write_profiles

    paths = [Path(path) for path in snakemake.input]
    chosen = snakemake.params.profiles
    write_profiles(
        chosen,
        {profile.name: path for profile, path in zip(chosen, paths, strict=True)},
        csv=Path(snakemake.output.csv),
        markdown=Path(snakemake.output.markdown),
        latex=Path(snakemake.output.latex),
    )
