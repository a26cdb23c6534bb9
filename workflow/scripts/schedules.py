from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.config.training import Recipe
    from anonbench.reporting.figures.learning import schedules_figure
    from anonbench.training.loop.schedules import Schedules

    schedules_figure(
        Schedules.of(Recipe.model_validate(snakemake.params.recipe)),
        outputs=[Path(path) for path in snakemake.output],
        dpi=snakemake.params.slice["settings"]["dpi"],
    )
