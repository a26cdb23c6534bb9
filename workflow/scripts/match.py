from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    if not cache.is_done():
        from anonbench.config import DataSource
        from anonbench.detection.user_annotations import match_user_file

        match_user_file(
            setting=snakemake.wildcards.setting,
            file=snakemake.input.file[0],
            name=snakemake.wildcards.dataset,
            source=DataSource.model_validate(snakemake.params.source),
            seed=snakemake.params.seed or 0,
            manifest=snakemake.input.manifest,
            duplicates=snakemake.input.duplicates,
            output=snakemake.output.rows,
            seen=snakemake.params.seen,
        )
