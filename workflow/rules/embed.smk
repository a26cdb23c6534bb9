# Features: a job a model and variant, of val images and, where they serve a task, of train images. An
# adapted model's job also embeds its original queries. A batch (`drift_from`) is embedded by
# models of the data set that it is compared with. The last two rules are the baselines, which no
# training has made.


rule embed_original:
    input:
        **by_digest(**paths.embedding_inputs("unadapted", "original")),
    output:
        **updated(**with_digest(**paths.embedding_splits("unadapted", "original"))),
    log:
        "<logs>/embed/{dataset}/unadapted/seed{seed}.log",
    benchmark:
        "<benchmarks>/embed/{dataset}/unadapted/seed{seed}.tsv"
    wildcard_constraints:
        dataset="|".join(n for n, d in experiment.datasets.items() if not d.system) or "(?!)",
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(lambda w: estimates.embedding_mb(w.dataset)),
        runtime=growing(lambda w: estimates.minutes("embed", w.dataset)),
        gpu=gpus(lambda w: estimates.embedding_gpus(w.dataset)),
    params:
        code=code_of("embed"),
        slice=stage_parameters.embed(settings),
    script:
        "../scripts/embed.py"


use rule embed_original as embed_unadapted with:
    input:
        **by_digest(**paths.embedding_inputs("unadapted", "{anonymized}")),
    output:
        **updated(**with_digest(**paths.embedding_splits("unadapted", "{anonymized}"))),
    log:
        "<logs>/embed/{dataset}/unadapted/seed{seed}/{anonymized}.log",
    benchmark:
        "<benchmarks>/embed/{dataset}/unadapted/seed{seed}/{anonymized}.tsv"


use rule embed_original as embed_adapted with:
    input:
        **by_digest(**paths.embedding_inputs("{adaption}-{anonymized}", "{anonymized}")),
    output:
        **updated(
            **with_digest(
                **paths.embedding_splits("{adaption}-{anonymized}", "{anonymized}"),
                original=paths.embedding(
                    "{dataset}", "{adaption}-{anonymized}", "{seed}", "original"
                ),
            ),
        ),
    log:
        "<logs>/embed/{dataset}/{adaption}-{anonymized}/seed{seed}/{anonymized}.log",
    benchmark:
        "<benchmarks>/embed/{dataset}/{adaption}-{anonymized}/seed{seed}/{anonymized}.tsv"


use rule embed_original as embed_distilled with:
    input:
        **by_digest(**paths.embedding_inputs("D-{anonymized}", "{anonymized}")),
    output:
        **updated(**with_digest(**paths.embedding_splits("D-{anonymized}", "{anonymized}"))),
    log:
        "<logs>/embed/{dataset}/D-{anonymized}/seed{seed}/{anonymized}.log",
    benchmark:
        "<benchmarks>/embed/{dataset}/D-{anonymized}/seed{seed}/{anonymized}.tsv"


use rule embed_original as embed_untrained with:
    input:
        **by_digest(**paths.embedding_inputs("untrained", "{variant}")),
    output:
        **updated(**with_digest(**paths.embedding_splits("untrained", "{variant}"))),
    log:
        "<logs>/embed/{dataset}/untrained/seed{seed}/{variant}.log",
    benchmark:
        "<benchmarks>/embed/{dataset}/untrained/seed{seed}/{variant}.tsv"


# A system under test is started once for all image sets of its data set: a rule a data set names
# them. Vectors are cached by image content (`kept/`, no output of any rule).
for _name, _dataset in experiment.datasets.items():
    if _dataset.system:

        rule:
            name:
                f"embed_{_name}"
            input:
                **by_digest(images=paths.system_images(_name)),
                system=on_disk(started.system_files(_name)),
            output:
                **updated(**with_digest(**paths.system_embeddings(_name))),
            log:
                f"<logs>/embed/{_name}.log",
            benchmark:
                f"<benchmarks>/embed/{_name}.tsv"
            conda:
                "../../envs/anonbench.yaml"
            threads: 8
            resources:
                gpu=gpus(estimates.embedding_gpus(_name)),
                mem_mb=growing(estimates.embedding_mb(_name)),
                runtime=growing(estimates.minutes("embed_system", _name)),
            params:
                code=code_of("embed_system"),
                slice=stage_parameters.system(settings, _name),
                given=contents(started.system_files(_name)),
                evidence=startup.evidence(started, _name),
                dataset=_name,
                sets=paths.system_sets(_name),
            script:
                "../scripts/embed_system.py"


# A system's network with the low-rank updates that it has learned for a variant.
rule embed_distilled_system:
    input:
        **by_digest(
            images=lambda w: paths.image_sets(w.dataset, [w.anonymized], ["val", "train"]),
            adapter=rules.distill_system.output.adapter,
        ),
        settings=plain(rules.distill_system.output.settings),
        system=lambda w: on_disk(started.system_files(w.dataset)),
    output:
        **updated(**with_digest(**paths.embedding_splits("D-{anonymized}", "{anonymized}"))),
    log:
        "<logs>/embed/{dataset}/D-{anonymized}/seed{seed}.log",
    benchmark:
        "<benchmarks>/embed/{dataset}/D-{anonymized}/seed{seed}.tsv"
    wildcard_constraints:
        dataset="|".join(n for n, d in experiment.datasets.items() if d.system) or "(?!)",
    conda:
        "../../envs/anonbench.yaml"
    threads: 8
    resources:
        gpu=gpus(lambda w: estimates.embedding_gpus(w.dataset)),
        mem_mb=growing(lambda w: estimates.embedding_mb(w.dataset)),
        runtime=growing(lambda w: estimates.minutes("embed", w.dataset)),
    params:
        code=code_of("embed_system"),
        slice=lambda w: stage_parameters.system(settings, w.dataset),
        given=lambda w: contents(started.system_files(w.dataset)),
        evidence=lambda w: startup.evidence(started, w.dataset),
        dataset=lambda w: w.dataset,
        sets=lambda w: [(w.anonymized, split) for split in ("val", "train")],
    script:
        "../scripts/embed_system.py"


# The unadapted model's vectors of hidden images, mapped to where their originals' would be: learned from
# train images, or cross-fitted where there are none.
rule map_vectors:
    input:
        **by_digest(
            **paths.mapped_vectors("{anonymized}"),
            clusters=rules.clusters.output.clusters,
            manifest=rules.manifest.output.manifest,
        ),
    output:
        **updated(
            **with_digest(**paths.embedding_splits("mapped-{anonymized}", "{anonymized}")),
            map="<results>/{dataset}/maps/seed{seed}/{anonymized}.safetensors",
        ),
    log:
        "<logs>/map_vectors/{dataset}/mapped-{anonymized}/seed{seed}/{anonymized}.log",
    benchmark:
        "<benchmarks>/map_vectors/{dataset}/mapped-{anonymized}/seed{seed}/{anonymized}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(lambda w: estimates.map_mb(w.dataset)),
        runtime=growing(lambda w: estimates.minutes("map_vectors", w.dataset)),
    params:
        code=code_of("map_vectors"),
        slice=lambda w: stage_parameters.map_vectors(settings, w.dataset),
    script:
        "../scripts/map_vectors.py"


rule maps:
    input:
        lambda w: list(paths.maps(w.dataset).values()),
    output:
        "<results>/{dataset}/maps.csv",
    log:
        "<logs>/maps/{dataset}.log",
    benchmark:
        "<benchmarks>/maps/{dataset}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        code=code_of("maps"),
        variants=lambda w: list(paths.maps(w.dataset)),
    script:
        "../scripts/maps.py"


rule embed_pixels:
    input:
        **by_digest(images=lambda w: paths.image_sets(w.dataset, [w.variant], ["val", "train"])),
    output:
        **updated(**with_digest(**paths.embedding_splits("pixels", "{variant}"))),
    log:
        "<logs>/embed/{dataset}/pixels/seed{seed}/{variant}.log",
    benchmark:
        "<benchmarks>/embed/{dataset}/pixels/seed{seed}/{variant}.tsv"
    wildcard_constraints:
        dataset="|".join(experiment.trained) or "(?!)",
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(lambda w: estimates.pixels_mb(w.dataset)),
        runtime=growing(lambda w: estimates.minutes("embed_pixels", w.dataset)),
    params:
        code=code_of("embed_pixels"),
        slice=lambda w: stage_parameters.embed_pixels(settings, w.dataset),
        dataset=lambda w: w.dataset,
    script:
        "../scripts/embed_pixels.py"


for _name in experiment.datasets:
    if experiment.is_frozen(_name):

        rule:
            name:
                f"embed_pixels_{_name}"
            input:
                **by_digest(images=paths.system_images(_name)),
            output:
                **updated(**with_digest(**paths.system_embeddings(_name, "pixels"))),
            log:
                f"<logs>/embed/{_name}/pixels.log",
            benchmark:
                f"<benchmarks>/embed/{_name}/pixels.tsv"
            conda:
                "../../envs/anonbench.yaml"
            resources:
                mem_mb=growing(estimates.pixels_mb(_name)),
                runtime=growing(estimates.minutes("embed_system", _name)),
            params:
                code=code_of("embed_pixels"),
                slice=stage_parameters.embed_pixels(settings, _name),
                dataset=_name,
            script:
                "../scripts/embed_pixels.py"
