# Features: a job a model and variant. An adapted model's job also embeds its original queries.


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
