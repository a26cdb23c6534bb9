from pathlib import Path

from anonbench.runtime import job

with job(snakemake.log[0], snakemake.threads):
    from anonbench.config import load
    from anonbench.retrieval.scenario import write_scenario

    write_scenario(
        reference=Path(snakemake.input.reference),
        original_queries=Path(snakemake.input.original),
        anonymized=Path(snakemake.input.anonymized),
        settings=load(snakemake.config).retrieval.completing(snakemake.params.slice["settings"]),
        per_query=Path(snakemake.output.queries),
        summary=Path(snakemake.output.summary),
    )
