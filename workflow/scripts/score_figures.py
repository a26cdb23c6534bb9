from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.labels import name_system

    name_system(snakemake.params.system)  # before labels are put together

    from anonbench.reporting.figures.correlation import correlation_heatmap
    from anonbench.reporting.figures.learning import chance_levels, learning_curves
    from anonbench.reporting.figures.trends import trend
    from anonbench.reporting.summary import read_scores

    given, params = snakemake.input, snakemake.params
    scores, files, matrices = (
        read_scores(Path(given.scores)),
        map(Path, snakemake.output),
        map(Path, given.matrices),
    )
    for figure, *outputs in zip(params.figures, files, files, strict=True):
        made = {"outputs": outputs, "dpi": params.dpi}
        if figure.kind == "correlation":
            title = f"{figure.dataset}, {figure.degree} %"
            correlation_heatmap(next(matrices), title=title, **made)
        elif figure.kind == "learning":
            logs = dict(zip(params.models, map(Path, given.logs), strict=True))
            learning_curves(logs, chance=chance_levels(**params.chance), **made)
        else:
            trend(scores, figure.dataset, figure.metric, figure.query, **made)
