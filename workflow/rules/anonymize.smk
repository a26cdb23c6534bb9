# Image sets, a job a shard: originals and boxes → one variant; of `original` an index only.

searched = by_digest(
    manifest=rules.manifest.output.manifest,
    boxes=rules.detect.output.boxes,
    images=rules.detect.output.images,
)


rule anonymize:
    input:
        **searched,
    output:
        **updated(
            **with_digest(tar="<results>/{dataset}/images/{variant}/{split}/{shard}.tar"),
            index="<results>/{dataset}/images/{variant}/{split}/{shard}.parquet",
            audit="<results>/{dataset}/images/{variant}/{split}/{shard}.audit.json",
        ),
    log:
        "<logs>/anonymize/{dataset}/{variant}/{split}/{shard}.log",
    benchmark:
        "<benchmarks>/anonymize/{dataset}/{variant}/{split}/{shard}.tsv"
    wildcard_constraints:
        variant=wildcards.hidden_here(experiment),
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(lambda w: estimates.minutes("anonymize", w.dataset, w.split)),
    params:
        code=code_of("anonymize"),
        slice=lambda w: stage_parameters.anonymize(settings, w.dataset, w.variant),
    script:
        "../scripts/anonymize.py"


# Pictures that another program has anonymized, beside what detection found in their originals.
rule given:
    input:
        **searched,
    output:
        **updated(
            **with_digest(tar="<results>/{dataset}/images/{variant}/{split}/{shard}.tar"),
            index="<results>/{dataset}/images/{variant}/{split}/{shard}.parquet",
            compared="<results>/{dataset}/images/{variant}/{split}/{shard}.compared.parquet",
        ),
    log:
        "<logs>/given/{dataset}/{variant}/{split}/{shard}.log",
    benchmark:
        "<benchmarks>/given/{dataset}/{variant}/{split}/{shard}.tsv"
    wildcard_constraints:
        variant=wildcards.given(experiment),
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(lambda w: estimates.minutes("anonymize", w.dataset, w.split)),
    params:
        code=code_of("given"),
        slice=lambda w: stage_parameters.given(settings, w.dataset, w.variant),
        scan=lambda w: startup.scanned_given(started, w.dataset),
    script:
        "../scripts/given.py"


# Indexes of originals: one job for all shards, which reads tables only.
for _name in experiment.datasets:
    _folder = f"<results>/{_name}/images/original"
    _shards = [
        f"{split}/{shard}" for split in ("train", "val") for shard in paths.shards(_name, split)
    ]

    rule:
        name:
            f"originals_{_name}"
        input:
            **by_digest(
                manifest=f"{results}/{_name}/manifest.parquet",
                images=paths.detected(_name, "images"),
            ),
        output:
            index=update([f"{_folder}/{each}.parquet" for each in _shards]),
            digests=update([digest_file(f"{_folder}/{each}.parquet") for each in _shards]),
        log:
            f"<logs>/originals/{_name}.log",
        benchmark:
            f"<benchmarks>/originals/{_name}.tsv"
        conda:
            "../../envs/anonbench.yaml"
        resources:
            mem_mb=growing(2000),
            runtime=growing(20),
        params:
            code=code_of("originals"),
            keep_without_regions=datasets[_name].keep_without_regions,
            dataset=_name,
        script:
            "../scripts/originals.py"


# Only where a data set's `copy_originals` asks for it. Nothing depends on what it writes: an image
# is read from it by the index, which holds its digest. So no second link of it is kept either.
rule copy_originals:
    input:
        **by_digest(index="<results>/{dataset}/images/original/{split}/{shard}.parquet"),
    output:
        "<results>/{dataset}/images/original/{split}/{shard}.tar",
    log:
        "<logs>/copy_originals/{dataset}/original/{split}/{shard}.log",
    benchmark:
        "<benchmarks>/copy_originals/{dataset}/original/{split}/{shard}.tsv"
    wildcard_constraints:
        # no other data set has such a job, whatever asks for its file; (?!) matches nothing
        dataset="|".join(n for n, d in experiment.datasets.items() if d.copy_originals) or "(?!)",
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(lambda w: estimates.minutes("anonymize", w.dataset, w.split)),
    params:
        code=code_of("copy_originals"),
    script:
        "../scripts/copy_originals.py"
