# Features: a job a model and variant. An adapted model's job also embeds its original queries.


rule embed_original:
    input:
        digest_file(rules.train_unadapted.output.backbone),
        lambda w: digests(image_set(w.dataset, "original", "val")),
        lambda w: digests(image_set(w.dataset, "original", "train")),
        backbone=ancient(rules.train_unadapted.output.backbone),
        val=lambda w: ancient(image_set(w.dataset, "original", "val")),
        train=lambda w: ancient(image_set(w.dataset, "original", "train")),
    output:
        digest_file(embedding("{dataset}", "unadapted", "{seed}", "original", "val")),
        digest_file(embedding("{dataset}", "unadapted", "{seed}", "original", "train")),
        val=embedding("{dataset}", "unadapted", "{seed}", "original", "val"),
        train=embedding("{dataset}", "unadapted", "{seed}", "original", "train"),
    log:
        f"{logs}/embed/{{dataset}}/unadapted-seed{{seed}}/original.log",
    benchmark:
        f"{benchmarks}/embed/{{dataset}}/unadapted-seed{{seed}}/original.tsv"
    conda:
        CONDA
    threads: 1
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
        digest_file(rules.train_unadapted.output.backbone),
        lambda w: digests(image_set(w.dataset, w.anonymized, "val")),
        lambda w: digests(image_set(w.dataset, w.anonymized, "train")),
        backbone=ancient(rules.train_unadapted.output.backbone),
        val=lambda w: ancient(image_set(w.dataset, w.anonymized, "val")),
        train=lambda w: ancient(image_set(w.dataset, w.anonymized, "train")),
    output:
        digest_file(
            embedding("{dataset}", "unadapted", "{seed}", "{anonymized}", "val")
        ),
        digest_file(
            embedding("{dataset}", "unadapted", "{seed}", "{anonymized}", "train")
        ),
        val=embedding("{dataset}", "unadapted", "{seed}", "{anonymized}", "val"),
        train=embedding("{dataset}", "unadapted", "{seed}", "{anonymized}", "train"),
    log:
        f"{logs}/embed/{{dataset}}/unadapted-seed{{seed}}/{{anonymized}}.log",
    benchmark:
        f"{benchmarks}/embed/{{dataset}}/unadapted-seed{{seed}}/{{anonymized}}.tsv"


use rule embed_original as embed_adapted with:
    input:
        digest_file(rules.train_adapted.output.backbone),
        lambda w: digests(image_set(w.dataset, w.anonymized, "val")),
        lambda w: digests(image_set(w.dataset, w.anonymized, "train")),
        lambda w: digests(image_set(w.dataset, "original", "val")),
        backbone=ancient(rules.train_adapted.output.backbone),
        val=lambda w: ancient(image_set(w.dataset, w.anonymized, "val")),
        train=lambda w: ancient(image_set(w.dataset, w.anonymized, "train")),
        original=lambda w: ancient(image_set(w.dataset, "original", "val")),
    output:
        digest_file(
            embedding(
                "{dataset}", "{adaption}-{anonymized}", "{seed}", "{anonymized}", "val"
            )
        ),
        digest_file(
            embedding(
                "{dataset}",
                "{adaption}-{anonymized}",
                "{seed}",
                "{anonymized}",
                "train",
            )
        ),
        digest_file(
            embedding(
                "{dataset}", "{adaption}-{anonymized}", "{seed}", "original", "val"
            )
        ),
        val=embedding(
            "{dataset}", "{adaption}-{anonymized}", "{seed}", "{anonymized}", "val"
        ),
        train=embedding(
            "{dataset}", "{adaption}-{anonymized}", "{seed}", "{anonymized}", "train"
        ),
        original=embedding(
            "{dataset}", "{adaption}-{anonymized}", "{seed}", "original", "val"
        ),
    log:
        f"{logs}/embed/{{dataset}}/{{adaption}}-{{anonymized}}-seed{{seed}}.log",
    benchmark:
        f"{benchmarks}/embed/{{dataset}}/{{adaption}}-{{anonymized}}-seed{{seed}}.tsv"
