# Sensitive regions: a job a shard, then one table of all and the counts of what was dropped. The rows
# of a user's own files are brought to their images before, for all shards at once.


rule match:
    input:
        **by_digest(manifest=rules.manifest.output.manifest),
        duplicates=plain(rules.manifest.output.duplicates),
        file=lambda w: on_disk(started.user_files[w.dataset].get(w.setting, [])),
    output:
        **updated(**with_digest(rows="<results>/{dataset}/annotations/{setting}.parquet")),
    log:
        "<logs>/match/{dataset}/{setting}.log",
    benchmark:
        "<benchmarks>/match/{dataset}/{setting}.tsv"
    # a wrong row is said before anything is searched, one of the truth too
    priority: 2
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        code=code_of("match"),
        slice=lambda w: stage_parameters.match(settings, w.dataset),
        given=lambda w: contents(started.user_files[w.dataset].get(w.setting, [])),
    script:
        "../scripts/match.py"


# What was found in an image is kept beside the outputs (`kept/`, no output of any rule): an edited
# file of corrections or boxes, an added image or a job that was killed search again only what is new,
# and so do data sets of the same images, which differ in the system that searches them.
rule detect:
    input:
        **by_digest(
            manifest=rules.manifest.output.manifest,
            boxes=lambda w: paths.annotations(w.dataset, "boxes"),
            corrections=lambda w: paths.annotations(w.dataset, "corrections"),
        ),
        own=lambda w: on_disk(started.detection_files(w.dataset)),
    output:
        **updated(
            **with_digest(
                boxes="<results>/{dataset}/detect/{split}/{shard}.boxes.parquet",
                images="<results>/{dataset}/detect/{split}/{shard}.images.parquet",
            ),
        ),
    log:
        "<logs>/detect/{dataset}/{split}/{shard}.log",
    benchmark:
        "<benchmarks>/detect/{dataset}/{split}/{shard}.tsv"
    # before trainings: what is left of the images may be too few
    priority: 1
    conda:
        "../../envs/anonbench.yaml"
    threads: estimates.detection_threads()
    resources:
        mem_mb=growing(lambda w: estimates.detection_mb(w.dataset)),
        runtime=growing(lambda w: estimates.minutes("detect", w.dataset, w.split)),
        gpu=gpus(lambda w: estimates.detection_gpus(w.dataset)),
    params:
        code=code_of("detect"),
        slice=lambda w: stage_parameters.detect(settings, w.dataset),
        templates=lambda w: str(datasets[w.dataset].templates or ""),
        given=lambda w: contents(started.detection_files(w.dataset)),
        shards=lambda w: len(paths.shards(w.dataset, w.split)),
    script:
        "../scripts/detect.py"


rule boxes:
    input:
        **by_digest(
            manifest=rules.manifest.output.manifest,
            boxes=lambda w: paths.detected(w.dataset, "boxes"),
            images=lambda w: paths.detected(w.dataset, "images"),
        ),
        skipped=plain(rules.manifest.output.skipped),
    output:
        **updated(
            **with_digest(boxes="<results>/{dataset}/boxes.parquet"),
            skipped="<results>/{dataset}/skipped.csv",
            counts="<results>/{dataset}/counts.csv",
        ),
    log:
        "<logs>/boxes/{dataset}.log",
    benchmark:
        "<benchmarks>/boxes/{dataset}.tsv"
    priority: 1
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        code=code_of("boxes"),
        keep_without_regions=lambda w: datasets[w.dataset].keep_without_regions,
    script:
        "../scripts/boxes.py"
