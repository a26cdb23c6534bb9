from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    if not cache.is_done():
        from anonbench.config import load
        from anonbench.datasets.clusters import read_clusters
        from anonbench.evaluation.mapped.learn import map_variant, read_labels

        chosen, given, made = snakemake.params.slice, snakemake.input, snakemake.output
        manifest = Path(given.manifest)
        persons = read_labels(manifest, [chosen["identity"]])
        splits = ("original_val", "hidden_val", "original_train", "hidden_train", "distilled_val")
        map_variant(
            {name: Path(file) for name in splits for file in given[name]},
            {name: Path(made[name]) for name in ("map", "val", "train")},
            read_clusters(Path(given.clusters)),
            read_labels(manifest, [chosen["label"]]) if persons is None else persons,
            snakemake.wildcards.anonymized,
            load(snakemake.config).retrieval.completing(chosen["retrieval"]),
            chosen["confidence"],
            chosen["seed"],
            persons is not None,
        )
