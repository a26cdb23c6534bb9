from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.anonymization.published import gather_audit

    files = iter(snakemake.input.shards)
    gather_audit(
        counts=snakemake.input.counts,
        duplicates=snakemake.input.get("duplicates") or None,
        shards=[
            (split, variant, [next(files) for _ in range(number)])
            for split, variant, number in snakemake.params.shards
        ],
        output=snakemake.output[0],
    )
