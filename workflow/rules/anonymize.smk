# Image sets, a job a shard: originals and boxes → one variant.

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
        runtime=growing(lambda w: estimates.minutes("anonymize", w.dataset, w.split)),
    params:
        code=code_of("anonymize"),
        hiding=lambda w: stage_parameters.hiding(settings, method_of(w)),
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
        runtime=growing(lambda w: estimates.minutes("anonymize", w.dataset, w.split)),
    params:
        code=code_of("given"),
        hiding=stage_parameters.hiding(settings),
        program=lambda w: program_of(method_of(w)),
        folder=lambda w: str(datasets[w.dataset].given[program_of(method_of(w))]),
        keep_without_regions=lambda w: datasets[w.dataset].keep_without_regions,
        max_pixels=settings.detection.max_pixels,
        scan=lambda w: startup.scanned_given(started, w.dataset),
    script:
        "../scripts/given.py"


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
