from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.evaluation.policy.table import judge_dataset

    judge_dataset(
        snakemake.wildcards.dataset,
        variants=[*snakemake.params.variants, *snakemake.params.apart],
        sought=snakemake.params.sought,
        settings=snakemake.params.policy,
        files={name: path for name, path in snakemake.input.items() if path},
        output=snakemake.output[0],
    )
