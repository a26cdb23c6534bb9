from pathlib import Path

from anonbench.runtime import job

with job(snakemake, __file__):
    from anonbench.paper.compare import read_comparison
    from anonbench.presentation.figures.compare import scatter

    scatter(
        read_comparison(Path(snakemake.input[0])),
        snakemake.wildcards.role,
        outputs=[Path(path) for path in snakemake.output],
        dpi=snakemake.params.slice["settings"]["dpi"],
    )
