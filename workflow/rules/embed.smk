# Features: a job a model and variant. An adapted model's job also embeds its original queries. The
# last two rules are the baselines, which no training has made.


rule embed_original:
    input:
        **by_digest(
            backbone=rules.train_unadapted.output.backbone,
            val=lambda w: paths.images(w.dataset, "original", "val"),
            train=lambda w: paths.images(w.dataset, "original", "train"),
        ),
    output:
        **with_digest(**paths.embedding_splits("unadapted", "original")),
    log:
        "<logs>/embed/{dataset}/unadapted-seed{seed}/original.log",
    resources:
        gpu=lambda w: estimates.embedding_gpus(w.dataset),
        mem_mb=lambda w: estimates.embedding_mb(w.dataset),
        runtime=lambda w: estimates.minutes("embed", w.dataset),
    params:
        slice=stage_parameters.embed(settings),
    script:
        "../scripts/embed.py"


use rule embed_original as embed_unadapted with:
    input:
        **by_digest(
            backbone=rules.train_unadapted.output.backbone,
            val=lambda w: paths.images(w.dataset, w.anonymized, "val"),
            train=lambda w: paths.images(w.dataset, w.anonymized, "train"),
        ),
    output:
        **with_digest(**paths.embedding_splits("unadapted", "{anonymized}")),
    log:
        "<logs>/embed/{dataset}/unadapted-seed{seed}/{anonymized}.log",


use rule embed_original as embed_adapted with:
    input:
        **by_digest(
            backbone=rules.train_adapted.output.backbone,
            original=lambda w: paths.images(w.dataset, "original", "val"),
            val=lambda w: paths.images(w.dataset, w.anonymized, "val"),
            train=lambda w: paths.images(w.dataset, w.anonymized, "train"),
        ),
    output:
        **with_digest(
            **paths.embedding_splits("{adaption}-{anonymized}", "{anonymized}"),
            original=paths.embedding(
                "{dataset}", "{adaption}-{anonymized}", "{seed}", "original"
            ),
        ),
    log:
        "<logs>/embed/{dataset}/{adaption}-{anonymized}-seed{seed}.log",


use rule embed_original as embed_untrained with:
    input:
        **by_digest(
            backbone=rules.untrained.output.backbone,
            val=lambda w: paths.images(w.dataset, w.variant, "val"),
            train=lambda w: paths.images(w.dataset, w.variant, "train"),
        ),
    output:
        **with_digest(**paths.embedding_splits("untrained", "{variant}")),
    log:
        "<logs>/embed/{dataset}/untrained-seed{seed}/{variant}.log",


rule embed_pixels:
    input:
        **by_digest(
            val=lambda w: paths.images(w.dataset, w.variant, "val"),
            train=lambda w: paths.images(w.dataset, w.variant, "train"),
        ),
    output:
        **with_digest(**paths.embedding_splits("pixels", "{variant}")),
    log:
        "<logs>/embed/{dataset}/pixels-seed{seed}/{variant}.log",
    resources:
        mem_mb=lambda w: estimates.pixels_mb(w.dataset),
        runtime=lambda w: estimates.minutes("embed_pixels", w.dataset),
    params:
        slice=lambda w: stage_parameters.embed_pixels(settings, w.dataset),
    script:
        "../scripts/embed_pixels.py"
