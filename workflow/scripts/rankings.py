from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.config import load
    from anonbench.evaluation.retrieval.job import gather_in_one_file, gather_scenarios

    given, made, params = snakemake.input, snakemake.output, snakemake.params
    gather_scenarios(
        shards=given.scores,
        scenarios=params.scenarios,
        settings=load(snakemake.config).retrieval.completing(params.settings),
        tables=made.queries,
        summaries=made.summaries,
    )
    for output in made.second:
        folder = output.with_suffix("") / "shards"
        shards = [path for path in given.second if path.parent == folder]
        gather_in_one_file(shards, params.trained, output)
