# Attacks on the anonymized validation images: a job a data set, in which each model is loaded once;
# then their rates and the privacy-utility front.


rule reidentify:
    input:
        **by_digest(
            manifest=rules.manifest.output.manifest,
            boxes=rules.boxes.output.boxes,
            images=lambda w: paths.attacked_images(w.dataset),
            train=lambda w: paths.learned_images(w.dataset),
            given=lambda w: paths.learned_pictures(w.dataset),
            backbones=lambda w: paths.attacking_backbones(w.dataset),
        ),
        attackers=on_disk(started.attackers()),
        system=lambda w: on_disk(started.system_files(w.dataset)),
    output:
        **with_digest(probes="<results>/{dataset}/privacy/probes.parquet"),
    params:
        files=lambda w: contents([*started.attackers(), *started.system_files(w.dataset)]),
        variants=lambda w: paths.attacked(w.dataset),
    script:
        "../scripts/reidentify.py"


rule reidentification:
    input:
        **by_digest(probes=rules.reidentify.output.probes, clusters=rules.clusters.output.clusters),
    output:
        "<results>/{dataset}/privacy/reidentification.csv",
    script:
        "../scripts/reidentification.py"


# Attacks beside re-identification, all in one job: each image is decoded once for all of them.
rule attack:
    input:
        **by_digest(
            manifest=rules.manifest.output.manifest,
            clusters=rules.clusters.output.clusters,
            boxes=rules.boxes.output.boxes,
            images=lambda w: paths.attacked_images(w.dataset),
            train=lambda w: paths.restored_images(w.dataset),
            given=lambda w: paths.restored_pictures(w.dataset),
            embeddings=lambda w: paths.published_vectors(w.dataset),
            lessons=lambda w: paths.taught_vectors(w.dataset),
        ),
        maps=lambda w: list(paths.maps(w.dataset).values()),
        weights=lambda w: on_disk(started.attack_files(w.dataset)),
    output:
        "<results>/{dataset}/privacy/attacks.csv",
    params:
        given=lambda w: contents(started.attack_files(w.dataset)),
    script:
        "../scripts/attack.py"


rule front:
    input:
        rates=rules.reidentification.output[0],
        scores=rules.scores.output[0],
    output:
        **figure("front_{dataset}_{metric}", "privacy-utility front, {metric}"),
    script:
        "../scripts/front.py"
