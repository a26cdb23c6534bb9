from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.core.provenance import versions
    from anonbench.evaluation.policy.statement import write_statement

    files = iter(map(Path, snakemake.input.digests))
    write_statement(
        snakemake.wildcards.dataset,
        Path(snakemake.input.audit),
        Path(snakemake.input.policy),
        [
            (split, variant, [next(files) for _ in range(number)])
            for split, variant, number in snakemake.params.shards
        ],
        snakemake.params.made_by | {"packages": versions(*snakemake.params.packages)},
        Path(snakemake.output[0]),
    )
