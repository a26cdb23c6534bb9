from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    sets = ("original_val", "hidden_val", "original_train", "hidden_train", "distilled_val")
    given, made = dict(snakemake.input.items()), dict(snakemake.output.items())
    shared = [given[f"{each}{s}"] for each in ("clusters", "manifest") for s in ("", "_digest")]
    files = {}
    for name in [key.removesuffix("map") for key in made if key.endswith("_map")]:
        vectors = {each: given[name + each][0] for each in sets if name + each in given}
        digests = [given[f"{name}{each}_digest"][0] for each in vectors]
        outputs = [file for each, file in made.items() if each.startswith(name)]
        part = cache.part([*shared, *vectors.values(), *digests], outputs)
        files[made[f"{name}map"]] = (name, vectors, part)
    left = {file: rest for file, rest in files.items() if not rest[2].is_done()}
    from anonbench.config import load
    from anonbench.core.io import write_csv
    from anonbench.datasets.clusters import read_clusters
    from anonbench.evaluation.map_judging import gather
    from anonbench.evaluation.map_learning import map_variant, read_labels

    params, manifest = snakemake.params, given["manifest"]
    persons = read_labels(manifest, [params.identity])
    for file, (name, vectors, part) in left.items():
        map_variant(
            vectors,
            {each: made[name + each] for each in ("map", "val", "train")},
            read_clusters(given["clusters"]),
            read_labels(manifest, [params.label]) if persons is None else persons,
            file.stem,
            load(snakemake.config).retrieval.completing(params.retrieval),
            params.confidence,
            params.seed,
            persons is not None,
        )
        part.end()
    reference = f"seed{snakemake.params.reference_seed}"
    maps = {file.stem: file for file in files if file.parent.name == reference}
    write_csv(gather(snakemake.params.dataset, maps), made["table"])
