from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.labels import name_system

    name_system(snakemake.params.system)  # before labels are put together

    from anonbench.config import Presentation
    from anonbench.core.registries.tables import TABLES
    from anonbench.reporting.dataset_tables import write_dataset_table

    files = map(Path, snakemake.output)
    for table in snakemake.params.captions:
        write_dataset_table(
            table,
            snakemake.params.dataset,
            {need: Path(snakemake.input[need]) for need in TABLES[table].needs},
            Presentation.model_validate(snakemake.params.shown),
            csv=next(files),
            markdown=next(files),
            latex=next(files),
        )
