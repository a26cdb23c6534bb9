# Sensitive regions: a job a shard, then one table of all and the counts of what was dropped. The rows
# of a user's own files are brought to their images before, for all shards at once.


rule match:
    input:
        **by_digest(manifest=rules.manifest.output.manifest),
        duplicates=rules.manifest.output.duplicates,
        file=lambda w: on_disk(started.user_files[w.dataset].get(w.setting, [])),
    output:
        **with_digest(rows="<results>/{dataset}/annotations/{setting}.parquet"),
        unmatched="<results>/{dataset}/annotations/{setting}.unmatched.csv",
    # a wrong row is said before anything is searched, one of the truth too
    priority: 2
    params:
        given=lambda w: contents(started.user_files[w.dataset].get(w.setting, [])),
    script:
        "../scripts/match.py"


# What was found in an image is kept beside the outputs (`kept/`, no output of any rule): an edited
# file of corrections or boxes, an added image or a job that was killed search again only what is new.
rule detect:
    input:
        **by_digest(
            manifest=rules.manifest.output.manifest,
            boxes=lambda w: paths.annotations(w.dataset, "boxes"),
            corrections=lambda w: paths.annotations(w.dataset, "corrections"),
        ),
        own=lambda w: on_disk(started.detection_files(w.dataset)),
    output:
        **with_digest(
            boxes="<results>/{dataset}/detect/{split}/{shard}.boxes.parquet",
            images="<results>/{dataset}/detect/{split}/{shard}.images.parquet",
        ),
    # before trainings: what is left of the images may be too few
    priority: 1
    params:
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
        skipped=rules.manifest.output.skipped,
        unmatched=lambda w: paths.annotations(
            w.dataset, "boxes", "corrections", suffix="unmatched.csv"
        ),
    output:
        **with_digest(boxes="<results>/{dataset}/boxes.parquet"),
        unmatched="<results>/{dataset}/unmatched.csv",
        skipped="<results>/{dataset}/skipped.csv",
        counts="<results>/{dataset}/counts.csv",
    priority: 1
    script:
        "../scripts/boxes.py"
