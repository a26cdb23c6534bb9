from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.evaluation.retrieval.stage.job import gather_in_one_file

    shards = [Path(path) for path in snakemake.input]
    gather_in_one_file(
        shards=shards,
        scenarios=snakemake.params.scenarios,
        output=Path(snakemake.output[0]),
    )
