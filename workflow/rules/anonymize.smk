# Image sets, a job a shard: originals and boxes → one variant. Originals are no inputs of rules: a job
# reads them by the manifest's paths, and compares their digests with the manifest's.

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
        variant=paths.hidden_here,
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(lambda w: estimates[w.dataset].minutes("anonymize", w.split)),
    params:
        code=code_of("anonymize"),
        run=last_run(),
        hiding=lambda w: stage_parameters.hiding(settings.anonymization, method_of(w)),
        keep_without_regions=lambda w: datasets[w.dataset].keep_without_regions,
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
        variant=paths.given,
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(lambda w: estimates[w.dataset].minutes("anonymize", w.split)),
    params:
        code=code_of("given"),
        run=last_run(),
        hiding=stage_parameters.hiding(settings.anonymization),
        program=lambda w: program_of(method_of(w)),
        folder=lambda w: str(datasets[w.dataset].given[program_of(method_of(w))]),
        keep_without_regions=lambda w: datasets[w.dataset].keep_without_regions,
        max_pixels=settings.detection.max_pixels,
        scan=lambda w: startup.scanned_given(started, w.dataset),
    script:
        "../scripts/given.py"
