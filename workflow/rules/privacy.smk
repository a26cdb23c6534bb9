# Attacks on the anonymized validation images: a job a data set, in which each model is loaded once;
# then their rates and the privacy-utility front.


rule reidentify:
    input:
        **by_digest(
            manifest=rules.manifest.output.manifest,
            boxes="<results>/{dataset}/boxes.parquet",
            images=lambda w: paths.attacked_images(w.dataset),
            train=lambda w: paths.images(w.dataset, "original", "train"),
            given=lambda w: paths.learned_pictures(w.dataset),
            backbones=lambda w: paths.attacking_backbones(w.dataset),
        ),
        adapters=lambda w: [
            path.replace("adapter_model.safetensors", "adapter_config.json")
            for path in paths.adapters(w.dataset)
        ],
        attackers=on_disk(started.attackers()),
        system=lambda w: on_disk(started.system_files(w.dataset)),
    output:
        **updated(**with_digest(probes="<results>/{dataset}/privacy/probes.parquet")),
    log:
        "<logs>/reidentify/{dataset}.log",
    benchmark:
        "<benchmarks>/reidentify/{dataset}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    threads: lambda w: 8 if datasets[w.dataset].system else 1
    resources:
        mem_mb=growing(lambda w: 2000 + estimates[w.dataset].embedding_mb),
        runtime=growing(lambda w: estimates[w.dataset].minutes("reidentify")),
        gpu=gpus(lambda w: estimates[w.dataset].embedding_gpus),
    params:
        code=code_of("reidentify"),
        run=last_run(),
        privacy=stage_parameters.privacy(settings),
        seed=settings.seed,
        pictured_methods=lambda w: list(datasets[w.dataset].unaudited_methods),
        hiding=hiding_of,
        system=lambda w: (
            stage_parameters.system(settings, w.dataset) if datasets[w.dataset].system else None
        ),
        sought=sought,
        files=lambda w: contents([*started.attackers(), *started.system_files(w.dataset)]),
        variants=lambda w: paths.attacked(w.dataset),
    script:
        "../scripts/reidentify.py"


rule reidentification:
    input:
        **by_digest(probes=rules.reidentify.output.probes, clusters=rules.clusters.output.clusters),
    output:
        "<results>/{dataset}/privacy/reidentification.csv",
    log:
        "<logs>/reidentification/{dataset}.log",
    benchmark:
        "<benchmarks>/reidentification/{dataset}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        code=code_of("reidentification"),
        confidence=settings.presentation.confidence,
    script:
        "../scripts/reidentification.py"


# Attacks beside re-identification, all in one job: each image is decoded once for all of them.
rule attack:
    input:
        **by_digest(
            manifest=rules.manifest.output.manifest,
            clusters=rules.clusters.output.clusters,
            boxes="<results>/{dataset}/boxes.parquet",
            images=lambda w: paths.attacked_images(w.dataset),
            train=lambda w: (
                paths.images(w.dataset, "original", "train")
                if settings.privacy.restores() or paths.taught_vectors(w.dataset)
                else []
            ),
            given=lambda w: (
                paths.learned_pictures(w.dataset) if settings.privacy.restores() else []
            ),
            embeddings=lambda w: paths.published_vectors(w.dataset),
            training_vectors=lambda w: paths.taught_vectors(w.dataset),
        ),
        maps=lambda w: [
            file
            for (_, seed), file in paths.maps(w.dataset).items()
            if seed == experiment.reference_seed
        ],
        weights=lambda w: on_disk(started.attack_files(w.dataset)),
    output:
        **updated(table="<results>/{dataset}/privacy/attacks.csv"),
    log:
        "<logs>/attack/{dataset}.log",
    benchmark:
        "<benchmarks>/attack/{dataset}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(lambda w: estimates[w.dataset].minutes("attack")),
    params:
        code=code_of("attack"),
        run=last_run(),
        attacks=lambda w: stage_parameters.attack(settings, w.dataset),
        pictured_methods=lambda w: list(datasets[w.dataset].unaudited_methods),
        hiding=hiding_of,
        variants=lambda w: list(map(str, experiment.variants(w.dataset))),
        apart=apart,
        user_files=lambda w: contents(started.attack_files(w.dataset)),
    script:
        "../scripts/attack.py"
