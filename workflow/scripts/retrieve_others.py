from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.config import load
    from anonbench.evaluation.retrieval.stage.job import Embedded, score_shard

    given, made, params = snakemake.input, snakemake.output, snakemake.params
    files = map(Path, given.queries), map(Path, given.databases)
    scenarios = [Embedded(*each) for each in zip(params.scenarios, *files, strict=True)]
    anonymized = [each for each in scenarios if each.name in params.anonymized]
    retrieval = load(snakemake.config).retrieval
    rankings = [(given.reference, anonymized, params.without_own, made.without_own)]
    rankings += [
        (reference, scenarios, params.slice, output)
        for reference, output in zip(given.seconds, made.second, strict=True)
    ]
    for reference, ranked, chosen, output in rankings:
        score_shard(
            reference=Path(reference),
            scenarios=ranked,
            settings=retrieval.completing(chosen["settings"]),
            shard=int(snakemake.wildcards.shard),
            output=Path(output),
        )
