from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.anonymization.published import gather_audit

    files = iter(map(Path, snakemake.input.shards))
    gather_audit(
        counts=Path(snakemake.input.counts),
        duplicates=Path(found) if (found := snakemake.input.get("duplicates")) else None,
        shards=[
            (split, variant, [next(files) for _ in range(number)])
            for split, variant, number in snakemake.params.shards
        ],
        output=Path(snakemake.output[0]),
    )
