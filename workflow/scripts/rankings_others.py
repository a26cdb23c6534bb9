from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.evaluation.retrieval.stage.job import gather_in_one_file

    given, made, params = snakemake.input, snakemake.output, snakemake.params
    shards = [Path(path) for path in given.without_own]
    gather_in_one_file(shards, params.anonymized, Path(made.without_own))
    for output in map(Path, made.second):
        folder = output.with_suffix("") / "shards"
        shards = [path for path in map(Path, given.second) if path.parent == folder]
        gather_in_one_file(shards, params.scenarios, output)
