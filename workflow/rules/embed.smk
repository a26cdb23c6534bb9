# Features: a job a model and variant, of val images and, where they serve a task, of train images. An
# adapted model's job also embeds its original queries. A batch (`drift_from`) is embedded by
# models of the data set that it is compared with. The last two rules are the baselines, which no
# training has made.


rule embed_original:
    input:
        **by_digest(**paths.embedding_inputs("unadapted", "original")),
    output:
        **with_digest(**paths.embedding_splits("unadapted", "original")),
    wildcard_constraints:
        dataset="|".join(n for n, d in experiment.datasets.items() if not d.system) or "(?!)",
    script:
        "../scripts/embed.py"


use rule embed_original as embed_unadapted with:
    input:
        **by_digest(**paths.embedding_inputs("unadapted", "{anonymized}")),
    output:
        **with_digest(**paths.embedding_splits("unadapted", "{anonymized}")),


use rule embed_original as embed_adapted with:
    input:
        **by_digest(**paths.embedding_inputs("{adaption}-{anonymized}", "{anonymized}")),
    output:
        **with_digest(
            **paths.embedding_splits("{adaption}-{anonymized}", "{anonymized}"),
            original=paths.embedding("{dataset}", "{adaption}-{anonymized}", "{seed}", "original"),
        ),


use rule embed_original as embed_distilled with:
    input:
        **by_digest(**paths.embedding_inputs("D-{anonymized}", "{anonymized}")),
    output:
        **with_digest(**paths.embedding_splits("D-{anonymized}", "{anonymized}")),


use rule embed_original as embed_untrained with:
    input:
        **by_digest(**paths.embedding_inputs("untrained", "{variant}")),
    output:
        **with_digest(**paths.embedding_splits("untrained", "{variant}")),


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
                **with_digest(**paths.system_embeddings(_name)),
            log:
                f"<logs>/embed/{_name}.log",
            threads: 8
            resources:
                gpu=estimates.embedding_gpus(_name),
                mem_mb=estimates.embedding_mb(_name),
                runtime=estimates.minutes("embed_system", _name),
            params:
                slice=stage_parameters.system(settings, _name),
                given=contents(started.system_files(_name)),
                evidence=startup.evidence(started, _name),
                dataset=_name,
                sets=paths.system_sets(_name),
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
        **with_digest(**paths.embedding_splits("mapped-{anonymized}", "{anonymized}")),
        map="<results>/{dataset}/maps/seed{seed}/{anonymized}.safetensors",
    script:
        "../scripts/map_vectors.py"


rule maps:
    input:
        lambda w: list(paths.maps(w.dataset).values()),
    output:
        "<results>/{dataset}/maps.csv",
    params:
        variants=lambda w: list(paths.maps(w.dataset)),
    script:
        "../scripts/maps.py"


rule embed_pixels:
    input:
        **by_digest(images=lambda w: paths.image_sets(w.dataset, [w.variant], ["val", "train"])),
    output:
        **with_digest(**paths.embedding_splits("pixels", "{variant}")),
    log:
        "<logs>/embed/{dataset}/pixels/seed{seed}/{variant}.log",
    wildcard_constraints:
        dataset="|".join(experiment.trained) or "(?!)",
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
                **with_digest(**paths.system_embeddings(_name, "pixels")),
            log:
                f"<logs>/embed/{_name}/pixels.log",
            resources:
                mem_mb=estimates.pixels_mb(_name),
                runtime=estimates.minutes("embed_system", _name),
            params:
                slice=stage_parameters.embed_pixels(settings, _name),
                dataset=_name,
            script:
                "../scripts/embed_pixels.py"
