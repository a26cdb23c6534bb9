from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.evaluation.comparisons.pairwise import read_method_comparisons
    from anonbench.reporting.summary import read_scores
    from anonbench.reporting.systems import orders_of, values_of, write_systems

    systems, shown = snakemake.params.systems, snakemake.params.slice["settings"]
    scores, methods = (
        {system: read(Path(path)) for system, path in zip(systems, files, strict=True)}
        for read, files in (
            (read_scores, snakemake.input.scores),
            (read_method_comparisons, snakemake.input.methods),
        )
    )
    values = values_of(scores)
    write_systems(
        values,
        orders_of(values, methods, level=1 - shown["confidence"]),
        csv=Path(snakemake.output.systems),
        orders_csv=Path(snakemake.output.orders),
        markdown=Path(snakemake.output.markdown),
    )
