# DINOv2 on pairs of original and anonymized images: the unadapted model and adaptions A, B, C, D.


# Too few images are refused before anything is trained: detection goes first, then this. No training has
# it as an input, not even an ancient one: other settings of retrieval would train again.
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


# A copy of the unadapted model that learns to embed hidden images as it embeds their originals.
use rule train_unadapted as train_distilled with:
    input:
        **by_digest(
            original=lambda w: paths.images(w.dataset, "original", "train"),
            anonymized=lambda w: paths.images(w.dataset, w.anonymized, "train"),
            unadapted=lambda w: [paths.backbone(w.dataset, "unadapted", w.seed)],
        ),
        labels=lambda w: paths.monitor_labels(w.dataset),
        pretrained=[],
    output:
        **with_digest(backbone=paths.backbone("{dataset}", "D-{anonymized}", "{seed}")),
        history=paths.training_log("{dataset}", "D-{anonymized}", "{seed}"),
    params:
        given="",
        adaption="D",


# A network that draws hidden regions anew for the unadapted model, which stays as it is.
rule train_redrawer:
    input:
        **by_digest(
            original=lambda w: paths.images(w.dataset, "original", "train"),
            hidden=lambda w: paths.images(w.dataset, w.anonymized, "train"),
            boxes=lambda w: paths.detected(w.dataset, "boxes", ["train"]),
            backbone=lambda w: paths.backbones(w.dataset, ["unadapted"]),
        ),
    output:
        **with_digest(network="<results>/{dataset}/redrawing/{anonymized}/network.safetensors"),
        history="<results>/{dataset}/redrawing/{anonymized}/log.csv",
    wildcard_constraints:
        anonymized=wildcards.hidden_here(experiment),
    script:
        "../scripts/train_redrawer.py"


# No original is among the inputs: a picture holds nothing but what was left of it, and what was learned.
rule redraw:
    input:
        **by_digest(
            hidden=multiext(
                "<results>/{dataset}/images/{anonymized}/{split}/{shard}", ".tar", ".parquet"
            ),
            boxes=rules.detect.output.boxes,
            network=rules.train_redrawer.output.network,
        ),
    output:
        **with_digest(tar="<results>/{dataset}/images/redrawn_{anonymized}/{split}/{shard}.tar"),
        index="<results>/{dataset}/images/redrawn_{anonymized}/{split}/{shard}.parquet",
    wildcard_constraints:
        anonymized=wildcards.hidden_here(experiment),
    script:
        "../scripts/redraw.py"


# The weights that a training starts from where none are pretrained: a baseline.
rule untrained:
    output:
        **with_digest(backbone=paths.backbone("{dataset}", "untrained", "{seed}")),
    log:
        "<logs>/train/{dataset}/untrained/seed{seed}.log",
    script:
        "../scripts/untrained.py"
