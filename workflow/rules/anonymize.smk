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
        **with_digest(tar="<results>/{dataset}/images/{variant}/{split}/{shard}.tar"),
        index="<results>/{dataset}/images/{variant}/{split}/{shard}.parquet",
        audit="<results>/{dataset}/images/{variant}/{split}/{shard}.audit.json",
    wildcard_constraints:
        variant=wildcards.hidden_here(experiment),
    script:
        "../scripts/anonymize.py"


# Pictures that another program has anonymized, beside what detection found in their originals.
rule given:
    input:
        **searched,
    output:
        **with_digest(tar="<results>/{dataset}/images/{variant}/{split}/{shard}.tar"),
        index="<results>/{dataset}/images/{variant}/{split}/{shard}.parquet",
        compared="<results>/{dataset}/images/{variant}/{split}/{shard}.compared.parquet",
    wildcard_constraints:
        variant=wildcards.given(experiment),
    params:
        scan=lambda w: startup.scanned_given(started, w.dataset),
    script:
        "../scripts/given.py"


rule originals:
    input:
        **by_digest(manifest=rules.manifest.output.manifest, images=rules.detect.output.images),
    output:
        **with_digest(index="<results>/{dataset}/images/original/{split}/{shard}.parquet"),
    script:
        "../scripts/originals.py"


# Only where a data set's `copy_originals` asks for it. Nothing depends on what it writes: an image
# is read from it by the index, which holds its digest. So no second link of it is kept either.
rule copy_originals:
    input:
        **by_digest(index=rules.originals.output.index),
    output:
        "<results>/{dataset}/images/original/{split}/{shard}.tar",
    wildcard_constraints:
        # no other data set has such a job, whatever asks for its file; (?!) matches nothing
        dataset="|".join(n for n, d in experiment.datasets.items() if d.copy_originals) or "(?!)",
    script:
        "../scripts/copy_originals.py"
