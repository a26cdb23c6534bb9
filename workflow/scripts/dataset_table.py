from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.labels import name_system

    name_system(snakemake.params.system)  # before labels are put together

    from anonbench.config import Presentation
    from anonbench.reporting.dataset_tables import write_dataset_table

    write_dataset_table(
        snakemake.wildcards.table,
        snakemake.wildcards.dataset,
        {need: Path(path) for need, path in snakemake.input.items()},
        Presentation.model_validate(snakemake.params.slice["settings"]),
        csv=Path(snakemake.output.csv),
        markdown=Path(snakemake.output.markdown),
        latex=Path(snakemake.output.latex),
    )
