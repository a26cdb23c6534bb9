# What each anonymized image set publishes, and what is in doubt, as one file a data set.


rule audit:
    input:
        counts=rules.boxes.output.counts,
        unmatched=rules.boxes.output.unmatched,
        duplicates=rules.manifest.output.duplicates,
        shards=lambda w: paths.audits(w.dataset),
    output:
        "<results>/{dataset}/audit.csv",
    log:
        "<logs>/audit/{dataset}.log",
    resources:
        runtime=10,
    params:
        shards=lambda w: paths.audited_sets(w.dataset),
    script:
        "../scripts/audit.py"
