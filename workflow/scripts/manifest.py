from pathlib import Path

from anonbench.runtime import job

with job(snakemake, __file__) as made:
    if not made.restored():
        from anonbench.config import DataSource
        from anonbench.datasets.manifest import write_manifest

        write_manifest(
            name=snakemake.params.name,
            dataset=DataSource.model_validate(snakemake.params.slice["source"]),
            max_pixels=snakemake.params.slice["max_pixels"],
            seed=snakemake.params.slice["seed"] or 0,
            output=Path(snakemake.output.manifest),
            skipped=Path(snakemake.output.skipped),
        )
