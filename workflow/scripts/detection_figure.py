from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    import pandas as pd

    from anonbench.reporting.figures.detection import threshold_sweep

    threshold_sweep(
        pd.read_csv(snakemake.input[0]),
        snakemake.wildcards.dataset,
        outputs=[Path(path) for path in snakemake.output],
        dpi=snakemake.params.slice["settings"]["dpi"],
    )
