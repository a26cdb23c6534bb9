# Figures of attention.


rule attend:
    input:
        **by_digest(
            backbone=paths.backbone("{dataset}", "{model}", experiment.reference_seed),
            boxes=rules.boxes.output.boxes,
            images=lambda w: paths.image_sets(w.dataset, shown.attended(w.dataset)),
        ),
    output:
        maps="<results>/{dataset}/attention/{model}.npz",
        shares="<results>/{dataset}/attention/{model}.parquet",
    params:
        variants=lambda w: shown.attended(w.dataset),
    script:
        "../scripts/attend.py"


rule attention:
    input:
        **by_digest(
            shown=lambda w: paths.image_sets(w.dataset, shown.attention(w.dataset)),
            searched=lambda w: paths.shown_outcomes(w.dataset),
        ),
        maps=lambda w: paths.attended(w.dataset, "npz"),
    output:
        **figure("attention_{dataset}", "attention maps"),
    params:
        models=lambda w: shown.attending_models(w.dataset),
        shown=lambda w: shown.attention(w.dataset),
    script:
        "../scripts/attention.py"


rule attention_share:
    input:
        **by_digest(clusters=rules.clusters.output.clusters),
        shares=lambda w: paths.attended(w.dataset, "parquet"),
    output:
        "<results>/{dataset}/attention/shares.csv",
    params:
        models=lambda w: shown.attending_models(w.dataset),
    script:
        "../scripts/attention_share.py"
