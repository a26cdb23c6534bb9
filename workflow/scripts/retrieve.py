from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.config import load
    from anonbench.evaluation.retrieval.job import Embedded, score_shard

    given, made, params = snakemake.input, snakemake.output, snakemake.params
    files = map(Path, given.queries), map(Path, given.databases)
    scenarios = [Embedded(*each) for each in zip(params.scenarios, *files, strict=True)]
    trained = [each for each in scenarios if each.name in params.trained]
    rankings = [(given.reference, scenarios, made.scores)]
    for second, output in zip(given.seconds, made.second, strict=True):
        rankings.append((second, trained, output))
    for reference, ranked, output in rankings:
        score_shard(
            reference=Path(reference),
            scenarios=ranked,
            settings=load(snakemake.config).retrieval.completing(params.settings),
            shard=int(snakemake.wildcards.shard),
            output=Path(output),
        )
