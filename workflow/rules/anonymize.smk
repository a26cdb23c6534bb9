# Image sets: originals and boxes → one variant, a job a shard. `original` is a variant too.


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
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1500,
        runtime=lambda w: estimates.minutes("anonymize", w.dataset, w.split),
    params:
        slice=lambda w: slices.anonymize(settings, w.dataset, w.variant),
        root=lambda w: str(root_of(experiment.datasets[w.dataset])),
    script:
        "../scripts/anonymize.py"
