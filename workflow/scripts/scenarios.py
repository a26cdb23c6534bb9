from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    import pandas as pd

    from anonbench.reporting.grid import write_grid
    from anonbench.reporting.paper.scenario_tables import COLUMNS

    files = iter(snakemake.output)
    given = snakemake.params.rows, snakemake.params.grids
    for rows, grid, *three in zip(*given, files, files, files, strict=True):
        write_grid(grid, pd.DataFrame(rows, columns=COLUMNS), three)
