from pathlib import Path

from anonbench.runtime import job

with job(snakemake, __file__):
    from anonbench.config.training import Recipe
    from anonbench.presentation.figures.learning import schedules_figure
    from anonbench.training.schedules import Schedules

    schedules_figure(
        Schedules.of(Recipe.model_validate(snakemake.params.recipe)),
        outputs=[Path(path) for path in snakemake.output],
        dpi=snakemake.params.slice["settings"]["dpi"],
    )
