from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.labels import name_system

    name_system(snakemake.params.system)  # before labels are put together

    from dataclasses import replace

    from anonbench.config import Presentation
    from anonbench.core.registries.tables import TABLES
    from anonbench.evaluation.comparisons.best import read_comparisons
    from anonbench.evaluation.correlation import write_correlation
    from anonbench.evaluation.privacy.rates import read_rates
    from anonbench.evaluation.scores import read_scores
    from anonbench.evaluation.sufficiency import DEFAULTS
    from anonbench.reporting.dataset_tables import write_dataset_table
    from anonbench.reporting.figures.learning import chance_levels, learning_curves
    from anonbench.reporting.figures.trends import correlation_heatmap, front, trend
    from anonbench.reporting.grid_layout import write_layout

    given, made, params = snakemake.input, snakemake.output, snakemake.params
    shown = Presentation.model_validate(params.shown)
    scores = read_scores(given.scores) if given.get("scores") else None
    comparisons = read_comparisons(given.comparisons) if params.tables else None

    files = iter(made.tables)
    for table, *three in zip(params.tables, files, files, files, strict=True):
        write_layout(table, scores, three, comparisons, shown.confidence)
    files = iter(made.others)
    for name, *three in zip(params.others, files, files, files, strict=True):
        inputs = {need: given[need] for need in TABLES[name]}
        write_dataset_table(name, params.dataset, inputs, shown, three)

    files = iter(made.correlations)
    matrices = {}
    for degree, matrix, within in zip(params.degrees, files, files, strict=True):
        write_correlation(scores, degree, matrix, within)
        matrices[degree] = matrix

    files = iter(made.figures)
    for figure, *outputs in zip(params.figures, files, files, strict=True):
        drawn = {"outputs": outputs, "dpi": shown.dpi}
        if figure.kind == "correlation":
            title = f"{figure.dataset}, {figure.degree} %"
            correlation_heatmap(matrices[figure.degree], title=title, **drawn)
        elif figure.kind == "learning":
            logs = dict(zip(params.models, given.logs, strict=True))
            learning_curves(logs, chance=chance_levels(**params.chance), **drawn)
        elif figure.kind == "front":
            needs = replace(DEFAULTS, widest=shown.widest_interval, confidence=shown.confidence)
            rates = read_rates(given.rates)
            front(rates, scores, figure.dataset, figure.metric, needs=needs, **drawn)
        else:
            trend(scores, figure.dataset, figure.metric, figure.query, **drawn)
