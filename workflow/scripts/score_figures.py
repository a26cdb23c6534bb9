from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.reporting.labels import name_system

    name_system(snakemake.params.system)  # before labels are put together

    from anonbench.reporting.figures.correlation import correlation_heatmap
    from anonbench.reporting.figures.trends import trend
    from anonbench.reporting.summary import read_scores

    scores, dpi = read_scores(Path(snakemake.input.scores)), snakemake.params.dpi
    files, matrices = map(Path, snakemake.output), map(Path, snakemake.input.matrices)
    for figure, *outputs in zip(snakemake.params.figures, files, files, strict=True):
        name = figure.dataset
        if figure.kind == "correlation":
            title = f"{name}, {figure.degree} %"
            correlation_heatmap(next(matrices), title=title, outputs=outputs, dpi=dpi)
        else:
            trend(scores, name, figure.metric, figure.query, outputs=outputs, dpi=dpi)
