# DINOv2 on pairs of original and anonymized images: the unadapted model and adaptions A, B, C.


# Too few images are refused before anything is trained: detection goes first, then this. No training
# has it as an input, or other settings of retrieval would train again; nor as an ancient one, because
# Snakemake looks for no other change behind a job that it plans. A training looks at the counts itself.
rule enough:
    input:
        rules.boxes.output.counts,
    output:
        "<results>/{dataset}/enough.txt",
    priority: 1
    params:
        batch=lambda w: estimates.batch(w.dataset),
    script:
        "../scripts/enough.py"


rule train_unadapted:
    input:
        **by_digest(original=lambda w: paths.images(w.dataset, "original", "train")),
        labels=lambda w: paths.monitor_labels(w.dataset),
        pretrained=lambda w: on_disk(started.pretrained(w.dataset)),
    output:
        **with_digest(backbone=paths.backbone("{dataset}", "unadapted", "{seed}")),
        history=paths.training_log("{dataset}", "unadapted", "{seed}"),
    params:
        given=lambda w: contents(started.pretrained(w.dataset)),
        adaption=lambda w: w.get("adaption", "unadapted"),
    script:
        "../scripts/train.py"


use rule train_unadapted as train_adapted with:
    input:
        **by_digest(
            original=lambda w: paths.images(w.dataset, "original", "train"),
            anonymized=lambda w: paths.images(w.dataset, w.anonymized, "train"),
        ),
        labels=lambda w: paths.monitor_labels(w.dataset),
        pretrained=lambda w: on_disk(started.pretrained(w.dataset)),
    output:
        **with_digest(backbone=paths.backbone("{dataset}", "{adaption}-{anonymized}", "{seed}")),
        history=paths.training_log("{dataset}", "{adaption}-{anonymized}", "{seed}"),


# The weights that a training starts from where none are pretrained: a baseline.
rule untrained:
    output:
        **with_digest(backbone=paths.backbone("{dataset}", "untrained", "{seed}")),
    log:
        "<logs>/train/{dataset}/untrained/seed{seed}.log",
    script:
        "../scripts/untrained.py"
