from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.figures.compare import scatter
    from anonbench.reporting.paper.compare import read_comparison

    scatter(
        read_comparison(Path(snakemake.input[0])),
        snakemake.wildcards.role,
        outputs=[Path(path) for path in snakemake.output],
        dpi=snakemake.params.slice["settings"]["dpi"],
    )
