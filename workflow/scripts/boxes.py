from pathlib import Path

from anonbench.made import Made
from anonbench.runtime import job

with job(snakemake.log[0], snakemake.threads):
    made = Made(__file__, snakemake.input, snakemake.output, dict(snakemake.params.items()))
    if not made.restored():
        from anonbench.detectors.gather import gather_boxes, gather_unmatched

        gather_unmatched([], Path(snakemake.output.unmatched))
        gather_boxes(
            manifest=Path(snakemake.input.manifest),
            skipped=Path(snakemake.input.skipped),
            box_shards=[Path(path) for path in snakemake.input.boxes],
            image_shards=[Path(path) for path in snakemake.input.images],
            keep_without_regions=snakemake.params.keep_without_regions,
            boxes=Path(snakemake.output.boxes),
            all_skipped=Path(snakemake.output.skipped),
            counts=Path(snakemake.output.counts),
        )
        made.keep()

    from anonbench.doubts import announce

    announce(
        snakemake.wildcards.dataset,
        Path(snakemake.output.counts),
        Path(snakemake.output.unmatched),
    )
