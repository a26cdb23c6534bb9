from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.labels import name_system

    name_system(snakemake.params.system)  # before labels are put together

    from dataclasses import replace

    from anonbench.config import Presentation
    from anonbench.core.registries.tables import TABLES
    from anonbench.evaluation.privacy.rates import read_rates
    from anonbench.evaluation.sufficiency import DEFAULTS
    from anonbench.reporting.dataset_tables import write_dataset_table
    from anonbench.reporting.figures.trends import front
    from anonbench.reporting.summary import read_scores

    given, made, params = snakemake.input, snakemake.output, snakemake.params
    shown = Presentation.model_validate(params.shown)
    files = iter(made.tables)
    for name, *three in zip(params.tables, files, files, files, strict=True):
        inputs = {need: given[need] for need in TABLES[name]}
        write_dataset_table(name, params.dataset, inputs, shown, three)
    files = iter(made.figures)
    for metric, *outputs in zip(params.fronts, files, files, strict=True):
        front(
            read_rates(given.rates),
            read_scores(given.scores),
            params.dataset,
            metric,
            outputs=outputs,
            dpi=shown.dpi,
            needs=replace(DEFAULTS, widest=shown.widest_interval, confidence=shown.confidence),
        )
