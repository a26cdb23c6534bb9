from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.config import load
    from anonbench.evaluation.retrieval.job import Embedded, score_shard

    given, made, params = snakemake.input, snakemake.output, snakemake.params
    files = zip(params.scenarios, given.queries, given.databases, strict=True)
    scenarios = [Embedded(*each) for each in files]
    trained = [each for each in scenarios if each.name in params.trained]
    rankings = [(given.reference, scenarios, made.scores)]
    for second, output in zip(given.seconds, made.second, strict=True):
        rankings.append((second, trained, output))
    for reference, ranked, output in rankings:
        score_shard(
            reference=reference,
            scenarios=ranked,
            settings=load(snakemake.config).retrieval.completing(params.settings),
            shard=int(snakemake.wildcards.shard),
            output=output,
        )
