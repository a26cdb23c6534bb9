from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.paper.scenario_tables import write_scenarios

    files = map(Path, snakemake.output)
    given = snakemake.params.rows, snakemake.params.grids
    for rows, grid, csv, markdown, latex in zip(*given, files, files, files, strict=True):
        write_scenarios(rows, grid, csv=csv, markdown=markdown, latex=latex)
