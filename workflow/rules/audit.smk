# What each anonymized image set publishes, and what is in doubt, as one file a data set.
# Images are audited where they are written (anonymize.smk); this adds up the counts.


rule audit:
    input:
        counts="<results>/{dataset}/counts.csv",
        duplicates=plain(rules.manifest.output.duplicates),
        shards=lambda w: paths.audited_files(w.dataset, "audit.json"),
    output:
        "<results>/{dataset}/audit.csv",
    log:
        "<logs>/audit/{dataset}.log",
    benchmark:
        "<benchmarks>/audit/{dataset}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        code=code_of("audit"),
        shards=lambda w: paths.audited_sets(w.dataset),
    script:
        "../scripts/audit.py"


# What other programs did to the regions that detection found: shares with intervals.
rule given_summary:
    input:
        unpack(compared),
        **by_digest(clusters=rules.clusters.output.clusters),
        skipped=plain(rules.manifest.output.skipped),
    output:
        "<results>/{dataset}/given.csv",
    log:
        "<logs>/given_summary/{dataset}.log",
    benchmark:
        "<benchmarks>/given_summary/{dataset}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        code=code_of("given_summary"),
        confidence=settings.presentation.confidence,
        programs=lambda w: list(datasets[w.dataset].given),
    script:
        "../scripts/given_summary.py"
