# Features: a job a model and variant. An adapted model's job also embeds its original queries.


def read_images(variant):
    """Inputs of a job that embeds a variant's images: a wildcard's, or `original`."""
    return {
        split: lambda w, split=split: paths.images(
            w.dataset, variant.format(**w), split
        )
        for split in ("val", "train")
    }


def write_embeddings(model, variant):
    return {
        split: paths.embedding("{dataset}", model, "{seed}", variant, split)
        for split in ("val", "train")
    }


rule embed_original:
    input:
        **by_digest(
            backbone=rules.train_unadapted.output.backbone, **read_images("original")
        ),
    output:
        **with_digest(**write_embeddings("unadapted", "original")),
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
            **read_images("{anonymized}"),
        ),
    output:
        **with_digest(**write_embeddings("unadapted", "{anonymized}")),
    log:
        "<logs>/embed/{dataset}/unadapted-seed{seed}/{anonymized}.log",


use rule embed_original as embed_adapted with:
    input:
        **by_digest(
            backbone=rules.train_adapted.output.backbone,
            original=lambda w: paths.images(w.dataset, "original", "val"),
            **read_images("{anonymized}"),
        ),
    output:
        **with_digest(
            **write_embeddings("{adaption}-{anonymized}", "{anonymized}"),
            original=paths.embedding(
                "{dataset}", "{adaption}-{anonymized}", "{seed}", "original"
            ),
        ),
    log:
        "<logs>/embed/{dataset}/{adaption}-{anonymized}-seed{seed}.log",
