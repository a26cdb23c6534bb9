from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    from anonbench.datasets.given import scan_given

    params = snakemake.params
    folder = {params.program: Path(params.folder)}
    # once it runs, it believes no file that only looks as it was
    if not cache.is_done(scan=scan_given(folder, True)):
        import pandas as pd

        from anonbench.anonymization.given.gather import given_shard
        from anonbench.config import Anonymization
        from anonbench.core.boxes import read_boxes
        from anonbench.datasets.listing import root_in

        columns = ["id", "path", "bytes", "digest"]
        given_shard(
            manifest=pd.read_parquet(snakemake.input.manifest, columns=columns),
            root=root_in(snakemake.config, snakemake.wildcards.dataset),
            boxes=read_boxes(snakemake.input.boxes),
            images=pd.read_parquet(snakemake.input.images),
            program=params.program,
            folder=Path(params.folder),
            settings=Anonymization.model_validate(params.hiding["settings"]),
            keep_without_regions=params.keep_without_regions,
            max_pixels=params.max_pixels,
            output=snakemake.output.tar,
            compared=snakemake.output.compared,
        )
