from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.config import load
    from anonbench.evaluation.retrieval.stage.job import Embedded, score_shard

    files = zip(
        snakemake.params.scenarios,
        map(Path, snakemake.input.queries),
        map(Path, snakemake.input.databases),
        strict=True,
    )
    score_shard(
        reference=Path(snakemake.input.reference),
        scenarios=[Embedded(*each) for each in files],
        settings=load(snakemake.config).retrieval.completing(snakemake.params.slice["settings"]),
        shard=int(snakemake.wildcards.shard),
        output=Path(snakemake.output[0]),
    )
