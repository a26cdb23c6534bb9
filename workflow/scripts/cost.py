from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.core.io import write_csv
    from anonbench.reporting.costs import machines, stage_costs
    from anonbench.reporting.figures.cost import cost_figure

    costs = stage_costs(Path(snakemake.params.benchmarks))
    write_csv(costs, Path(snakemake.output.csv))
    write_csv(machines(Path(snakemake.params.logs) / "train"), Path(snakemake.output.machines))
    cost_figure(
        costs,
        [Path(snakemake.output.png), Path(snakemake.output.svg)],
        snakemake.params.slice["settings"]["dpi"],
    )
