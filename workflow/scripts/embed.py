from pathlib import Path

from anonbench.runtime import job

with job(snakemake.log[0], snakemake.threads):
    from anonbench.config import load
    from anonbench.embedding import embed_many
    from anonbench.imageset import ImageSet

    embed_many(
        Path(snakemake.input.backbone),
        [
            (ImageSet.open([Path(path) for path in snakemake.input[name]]), Path(output))
            for name, output in snakemake.output.items()
        ],
        load(snakemake.config).embedding.completing(snakemake.params.slice["settings"]),
    )
