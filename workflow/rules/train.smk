# DINOv2 on pairs of original and anonymized images: the unadapted model and adaptions A, B, C.


# Too few images are refused before anything is trained: detection goes first, then this. No training
# has it as an input, or other settings of retrieval would train again; nor as an ancient one, because
# Snakemake looks for no other change behind a job that it plans. A training looks at the counts itself.
rule enough:
    input:
        rules.boxes.output.counts,
    output:
        f"{results}/{{dataset}}/enough.txt",
    log:
        f"{logs}/enough/{{dataset}}.log",
    benchmark:
        f"{benchmarks}/enough/{{dataset}}.tsv"
    priority: 1
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        slice=stage_parameters.retrieve(settings),
        batch=lambda w: estimates.recipe(w.dataset).optimizer.batch_size,
    script:
        "../scripts/enough.py"


rule train_unadapted:
    input:
        lambda w: digests(image_set(w.dataset, "original", "train")),
        original=lambda w: ancient(image_set(w.dataset, "original", "train")),
        labels=monitor_labels,
        pretrained=pretrained_weights,
    output:
        digest_file(
            f"{results}/{{dataset}}/models/unadapted/seed{{seed}}/backbone.safetensors"
        ),
        backbone=f"{results}/{{dataset}}/models/unadapted/seed{{seed}}/backbone.safetensors",
        history=f"{results}/{{dataset}}/models/unadapted/seed{{seed}}/log.csv",
    log:
        f"{logs}/train/{{dataset}}/unadapted-seed{{seed}}.log",
    benchmark:
        f"{benchmarks}/train/{{dataset}}/unadapted-seed{{seed}}.tsv"
    conda:
        CONDA
    threads: lambda w: estimates.training_threads(w.dataset)
    resources:
        gpu=lambda w: estimates.training_gpus(w.dataset),
        nodes=lambda w: estimates.recipe(w.dataset).nodes,
        # Slurm's plugin starts a job as one task of one machine unless it is told otherwise
        mpi=lambda w: estimates.across_machines(w.dataset, "srun"),
        tasks=lambda w: estimates.across_machines(
            w.dataset, estimates.recipe(w.dataset).nodes
        ),
        tasks_per_gpu=0,
        mem_mb=lambda w: estimates.training_mb(w.dataset),
        runtime=lambda w: estimates.minutes("train", w.dataset),
    params:
        slice=lambda w: stage_parameters.train(settings, w.dataset),
        given=lambda w: contents(pretrained_weights(w)),
        adaption="unadapted",
    script:
        "../scripts/train.py"


use rule train_unadapted as train_adapted with:
    input:
        lambda w: digests(image_set(w.dataset, "original", "train")),
        lambda w: digests(image_set(w.dataset, w.anonymized, "train")),
        original=lambda w: ancient(image_set(w.dataset, "original", "train")),
        anonymized=lambda w: ancient(image_set(w.dataset, w.anonymized, "train")),
        labels=monitor_labels,
        pretrained=pretrained_weights,
    output:
        digest_file(
            f"{results}/{{dataset}}/models/{{adaption}}-{{anonymized}}/seed{{seed}}/backbone.safetensors"
        ),
        backbone=f"{results}/{{dataset}}/models/{{adaption}}-{{anonymized}}/seed{{seed}}/backbone.safetensors",
        history=f"{results}/{{dataset}}/models/{{adaption}}-{{anonymized}}/seed{{seed}}/log.csv",
    log:
        f"{logs}/train/{{dataset}}/{{adaption}}-{{anonymized}}-seed{{seed}}.log",
    benchmark:
        f"{benchmarks}/train/{{dataset}}/{{adaption}}-{{anonymized}}-seed{{seed}}.tsv"
    params:
        slice=lambda w: stage_parameters.train(settings, w.dataset),
        given=lambda w: contents(pretrained_weights(w)),
        adaption=lambda w: w.adaption,
