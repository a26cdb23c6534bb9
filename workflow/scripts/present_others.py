from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.labels import name_system

    name_system(snakemake.params.system)  # before labels are put together

    from anonbench.config import Presentation
    from anonbench.core.registries.tables import TABLES
    from anonbench.reporting.dataset_tables import write_dataset_table

    given, made, params = snakemake.input, snakemake.output, snakemake.params
    shown = Presentation.model_validate(params.shown)
    files = map(Path, made.tables)
    for name, *three in zip(params.captions, files, files, files, strict=True):
        inputs = {need: Path(given[need]) for need in TABLES[name].needs}
        write_dataset_table(name, params.dataset, inputs, shown, *three)
