from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    from anonbench.config import DataSource
    from anonbench.datasets.given import scan_given
    from anonbench.datasets.listing import list_images, root_of
    from anonbench.datasets.walk import scan

    name, params = snakemake.params.name, snakemake.params
    source, seed = DataSource.model_validate(params.source), params.seed or 0
    # once it runs, it believes no file that only looks as it was: see --forcerun manifest
    listed = list_images(name, source, seed, labels=False)["path"]
    scans = scan(root_of(source), listed, True), *scan_given(source.given, True).items()
    if not cache.is_done(scan=scans):
        from anonbench.datasets.manifest import write_manifest
        from anonbench.workflow.image_counts import require_classes

        write_manifest(
            name=name,
            dataset=source,
            max_pixels=params.max_pixels,
            seed=seed,
            output=snakemake.output.manifest,
            skipped=snakemake.output.skipped,
            duplicates=snakemake.output.duplicates,
            converted=snakemake.output.converted,
        )
        label = source.label if source.is_classified else None
        require_classes(snakemake.output.manifest, label)
