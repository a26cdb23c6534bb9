from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.figures.learning import chance_levels, learning_curves

    paths = [Path(path) for path in snakemake.input]
    learning_curves(
        dict(zip(snakemake.params.models, paths, strict=True)),
        chance=chance_levels(**snakemake.params.chance),
        outputs=[Path(path) for path in snakemake.output],
        dpi=snakemake.params.slice["settings"]["dpi"],
    )
