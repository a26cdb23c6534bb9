from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.config import load
    from anonbench.evaluation.retrieval.stage.job import Embedded, score_shard

    given, made, params = snakemake.input, snakemake.output, snakemake.params
    files = map(Path, given.queries), map(Path, given.databases)
    scenarios = [Embedded(*each) for each in zip(params.scenarios, *files, strict=True)]
    trained, anonymized = (
        [each for each in scenarios if each.name in names]
        for names in (params.trained, params.anonymized)
    )
    rankings = [
        (given.reference, scenarios, params.settings, made.scores),
        (given.reference, anonymized, params.without_own, made.without_own),
    ]
    for second, output in zip(given.seconds, made.second, strict=True):
        rankings.append((second, trained, params.settings, output))
    retrieval = load(snakemake.config).retrieval
    for reference, ranked, settings, output in rankings:
        score_shard(
            reference=Path(reference),
            scenarios=ranked,
            settings=retrieval.completing(settings),
            shard=int(snakemake.wildcards.shard),
            output=Path(output),
        )
