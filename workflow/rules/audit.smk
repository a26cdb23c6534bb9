# What each anonymized image set publishes, and what is in doubt, as one file a data set.


rule audit:
    input:
        counts=rules.boxes.output.counts,
        unmatched=rules.boxes.output.unmatched,
        duplicates=rules.manifest.output.duplicates,
        shards=lambda w: [
            path
            for split, variant, _ in audited_sets(w.dataset)
            for path in audits(w.dataset, variant, split)
        ],
    output:
        f"{results}/{{dataset}}/audit.csv",
    log:
        f"{logs}/audit/{{dataset}}.log",
    benchmark:
        f"{benchmarks}/audit/{{dataset}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        shards=lambda w: audited_sets(w.dataset),
    script:
        "../scripts/audit.py"
