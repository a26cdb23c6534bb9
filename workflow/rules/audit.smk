# What each anonymized image set publishes, and what is in doubt, as one file a data set.


rule audit:
    input:
        counts=rules.boxes.output.counts,
        unmatched=rules.boxes.output.unmatched,
        duplicates=rules.manifest.output.duplicates,
        shards=lambda w: paths.audits(w.dataset),
    output:
        "<results>/{dataset}/audit.csv",
    params:
        shards=lambda w: paths.audited_sets(w.dataset),
    script:
        "../scripts/audit.py"


# What other programs did to the regions that detection found: shares with intervals.
rule given_summary:
    input:
        unpack(lambda w: paths.compared_pictures(w.dataset)),
        **by_digest(clusters=rules.clusters.output.clusters),
        skipped=rules.manifest.output.skipped,
    output:
        "<results>/{dataset}/given.csv",
    script:
        "../scripts/given_summary.py"
