from pathlib import Path

from anonbench.runtime import job

with job(snakemake, __file__):
    from anonbench.files import write_csv
    from anonbench.presentation.costs import machines, stage_costs
    from anonbench.presentation.figures.cost import cost_figure

    costs = stage_costs(Path(snakemake.params.benchmarks), Path(snakemake.params.logs))
    write_csv(costs, Path(snakemake.output.csv))
    write_csv(machines(Path(snakemake.params.logs) / "train"), Path(snakemake.output.machines))
    cost_figure(
        costs,
        [Path(snakemake.output.png), Path(snakemake.output.svg)],
        snakemake.params.slice["settings"]["dpi"],
    )
