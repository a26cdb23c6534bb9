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
        run=last_run(),
        source=lambda w: stage_parameters.source(settings, w.dataset),
        seed=lambda w: stage_parameters.seed_of_source(settings, w.dataset),
        seen=lambda w: started.seen.get(w.dataset, {}) if w.setting == "corrections" else {},
        user_files=lambda w: contents(started.user_files[w.dataset].get(w.setting, [])),
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
    threads: settings.detection.threads
    resources:
        mem_mb=growing(lambda w: estimates[w.dataset].detection_mb),
        runtime=growing(lambda w: estimates[w.dataset].minutes("detect", w.split)),
        gpu=gpus(lambda w: estimates[w.dataset].detection_gpus),
    params:
        code=code_of("detect"),
        run=last_run(),
        detectors=lambda w: list(map(str, datasets[w.dataset].detectors)),
        detection=lambda w: stage_parameters.detection(settings, w.dataset),
        keep_failed=lambda w: datasets[w.dataset].keep_failed,
        seed=settings.seed,
        templates=lambda w: str(datasets[w.dataset].templates or ""),
        user_files=lambda w: contents(started.detection_files(w.dataset)),
        shards=lambda w: len(paths.shards(w.dataset, w.split)),
    script:
        "../scripts/detect.py"


# One job for all shards, which reads tables only: also the indexes of originals (anonymize.smk).
for _name in experiment.datasets:
    _originals = [
        f"<results>/{_name}/images/original/{split}/{shard}.parquet"
        for split in ("train", "val")
        for shard in paths.shards(_name, split)
    ]

    rule:
        name:
            f"gather_{_name}"
        input:
            **by_digest(
                manifest=f"{results}/{_name}/manifest.parquet",
                boxes=paths.detected(_name, "boxes"),
                images=paths.detected(_name, "images"),
            ),
            skipped=f"{results}/{_name}/skipped/manifest.csv",
        output:
            **updated(
                **with_digest(boxes=f"<results>/{_name}/boxes.parquet"),
                skipped=f"<results>/{_name}/skipped.csv",
                counts=f"<results>/{_name}/counts.csv",
                originals=_originals,
                digests=list(map(digest_file, _originals)),
            ),
        log:
            f"<logs>/gather/{_name}.log",
        benchmark:
            f"<benchmarks>/gather/{_name}.tsv"
        priority: 1
        conda:
            "../../envs/anonbench.yaml"
        resources:
            mem_mb=growing(2000),
            runtime=growing(20),
        params:
            code=code_of("gather"),
            run=last_run(),
            keep_without_regions=datasets[_name].keep_without_regions,
            entities=list(map(str, experiment.entities(_name))),
            dataset=_name,
        script:
            "../scripts/gather.py"
