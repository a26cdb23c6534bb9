# Image sets, a job a shard: originals and boxes → one variant; of `original` an index only.


rule anonymize:
    input:
        digest_file(rules.manifest.output.manifest),
        digest_file(rules.detect.output.boxes),
        digest_file(rules.detect.output.images),
        manifest=ancient(rules.manifest.output.manifest),
        boxes=ancient(rules.detect.output.boxes),
        images=ancient(rules.detect.output.images),
    output:
        digest_file(f"{results}/{{dataset}}/images/{{variant}}/{{split}}/{{shard}}.tar"),
        tar=f"{results}/{{dataset}}/images/{{variant}}/{{split}}/{{shard}}.tar",
        index=f"{results}/{{dataset}}/images/{{variant}}/{{split}}/{{shard}}.parquet",
        audit=f"{results}/{{dataset}}/images/{{variant}}/{{split}}/{{shard}}.audit.json",
    log:
        f"{logs}/anonymize/{{dataset}}/{{variant}}/{{split}}-{{shard}}.log",
    benchmark:
        f"{benchmarks}/anonymize/{{dataset}}/{{variant}}/{{split}}-{{shard}}.tsv"
    wildcard_constraints:
        variant=ANONYMIZED,
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1500,
        runtime=lambda w: estimates.minutes("anonymize", w.dataset, w.split),
    params:
        slice=lambda w: stage_parameters.anonymize(settings, w.dataset, w.variant),
    script:
        "../scripts/anonymize.py"


rule originals:
    input:
        digest_file(rules.manifest.output.manifest),
        digest_file(rules.detect.output.images),
        manifest=ancient(rules.manifest.output.manifest),
        images=ancient(rules.detect.output.images),
    output:
        digest_file(
            f"{results}/{{dataset}}/images/original/{{split}}/{{shard}}.parquet"
        ),
        index=f"{results}/{{dataset}}/images/original/{{split}}/{{shard}}.parquet",
    log:
        f"{logs}/originals/{{dataset}}/{{split}}-{{shard}}.log",
    benchmark:
        f"{benchmarks}/originals/{{dataset}}/{{split}}-{{shard}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        keep_without_regions=lambda w: experiment.datasets[
            w.dataset
        ].keep_without_regions,
    script:
        "../scripts/originals.py"


# Only where a data set's `copy_originals` asks for it. Nothing depends on what it writes: an image
# is read from it by the index, which holds its digest. So no second link of it is kept either.
rule copy_originals:
    input:
        digest_file(rules.originals.output.index),
        index=ancient(rules.originals.output.index),
    output:
        f"{results}/{{dataset}}/images/original/{{split}}/{{shard}}.tar",
    log:
        f"{logs}/copy_originals/{{dataset}}/{{split}}-{{shard}}.log",
    benchmark:
        f"{benchmarks}/copy_originals/{{dataset}}/{{split}}-{{shard}}.tsv"
    wildcard_constraints:
        # no other data set has such a job, whatever asks for its file; (?!) matches nothing
        dataset="|".join(n for n, d in experiment.datasets.items() if d.copy_originals)
        or "(?!)",
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1500,
        runtime=lambda w: estimates.minutes("anonymize", w.dataset, w.split),
    script:
        "../scripts/copy_originals.py"
