from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.core.io import write_csv
    from anonbench.evaluation.drift import Batch, compare

    def by_name(names: list[str], files: list[str]) -> dict[str, Path]:
        """Return files by name."""
        return dict(zip(names, map(Path, files), strict=True))

    given, names = snakemake.input, snakemake.params.datasets
    batches = [
        Batch(
            name,
            Path(given.manifest[at]),
            Path(given.clusters[at]),
            list(map(Path, getattr(given, f"outcomes_{side}"))),
            Path(given.boxes[at]),
            by_name(snakemake.params.models, getattr(given, f"embeddings_{side}")),
            by_name(snakemake.params.variants, getattr(given, f"scores_{side}")),
        )
        for at, (side, name) in enumerate(zip(("reference", "batch"), names, strict=True))
    ]
    table = compare(*batches, snakemake.params.slice["settings"]["confidence"])
    write_csv(table, Path(snakemake.output[0]))
