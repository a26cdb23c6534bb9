from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.labels import name_system

    name_system(snakemake.params.system)  # before labels are put together

    from anonbench.config import Presentation
    from anonbench.core.registries.tables import TABLES
    from anonbench.reporting.dataset_tables import write_dataset_table

    dataset, shown = snakemake.params.dataset, Presentation.model_validate(snakemake.params.shown)
    files = map(Path, snakemake.output)
    for table, *three in zip(snakemake.params.captions, files, files, files, strict=True):
        inputs = {need: Path(snakemake.input[need]) for need in TABLES[table].needs}
        write_dataset_table(table, dataset, inputs, shown, *three)
