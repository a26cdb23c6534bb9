from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.config import load
    from anonbench.evaluation.retrieval.stage.job import gather_scenarios

    shards = [Path(path) for path in snakemake.input]
    gather_scenarios(
        shards=shards,
        scenarios=snakemake.params.scenarios,
        settings=load(snakemake.config).retrieval.completing(snakemake.params.slice["settings"]),
        tables=[Path(path) for path in snakemake.output.queries],
        summaries=[Path(path) for path in snakemake.output.summaries],
    )
