from pathlib import Path

from anonbench.runtime import job

with job(snakemake.log[0], snakemake.threads):
    from anonbench.files import write_csv
    from anonbench.scores import ScenarioFiles, collect
    from anonbench.vocabulary import Model, Variant

    rows = zip(
        snakemake.params.scenarios,
        snakemake.input.retrieval,
        snakemake.input.queries,
        snakemake.input.downstream or [None] * len(snakemake.params.scenarios),
        strict=True,
    )
    scenarios = [
        ScenarioFiles(
            Model.parse(model),
            seed,
            Variant.parse(variant),
            Path(retrieval),
            Path(queries),
            Path(downstream) if downstream else None,
        )
        for (model, seed, variant), retrieval, queries, downstream in rows
    ]
    write_csv(
        collect(snakemake.wildcards.dataset, scenarios, **snakemake.params.slice["settings"]),
        Path(snakemake.output[0]),
    )
