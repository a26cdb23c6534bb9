# DINOv2 on pairs of original and anonymized images: the unadapted model and adaptions A, B, C, D.


# Too few images are refused before anything is trained: detection goes first, then this. No training has
# it as an input, not even an ancient one: other settings of retrieval would train again.
rule enough:
    input:
        refuse_too_few,
        counts="<results>/{dataset}/counts.csv",
    output:
        "<results>/{dataset}/enough.txt",
    log:
        "<logs>/enough/{dataset}.log",
    benchmark:
        "<benchmarks>/enough/{dataset}.tsv"
    priority: 1
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        code=code_of("enough"),
        retrieval=settings.retrieval.effective(),
        batch=lambda w: experiment.batch(w.dataset),
    script:
        "../scripts/enough.py"


rule train_unadapted:
    input:
        **by_digest(original=lambda w: paths.images(w.dataset, "original", "train")),
        pretrained=lambda w: on_disk(started.pretrained(w.dataset)),
    output:
        **updated(
            **with_digest(backbone=paths.backbone("{dataset}", "unadapted", "{seed}")),
            history=paths.training_log("{dataset}", "unadapted", "{seed}"),
        ),
    log:
        "<logs>/train/{dataset}/unadapted/seed{seed}.log",
    benchmark:
        "<benchmarks>/train/{dataset}/unadapted/seed{seed}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    threads: lambda w: estimates[w.dataset].recipe.threads * estimates[w.dataset].recipe.gpus
    resources:
        mem_mb=growing(lambda w: estimates[w.dataset].training_mb),
        runtime=growing(lambda w: estimates[w.dataset].minutes("train")),
        gpu=gpus(lambda w: estimates[w.dataset].recipe.gpus_needed),
        tasks_per_gpu=0,  # Slurm starts one process; torchrun starts one a GPU
    params:
        code=code_of("train"),
        run=last_run(),
        recipe=lambda w: settings.recipe_of(w.dataset).effective(),
        user_files=lambda w: contents(started.pretrained(w.dataset)),
        adaption=lambda w: w.get("adaption", "unadapted"),
    script:
        "../scripts/train.py"


# Adaption D is a copy of the unadapted model that learns to embed hidden images as it embeds their
# originals; A, B and C start as it does.
use rule train_unadapted as train_adapted with:
    input:
        **by_digest(
            original=lambda w: paths.images(w.dataset, "original", "train"),
            anonymized=lambda w: paths.images(w.dataset, w.anonymized, "train"),
            unadapted=lambda w: (
                [paths.backbone(w.dataset, "unadapted", w.seed)] if w.adaption == "D" else []
            ),
        ),
        pretrained=lambda w: ([] if w.adaption == "D" else on_disk(started.pretrained(w.dataset))),
    output:
        **updated(
            **with_digest(
                backbone=paths.backbone("{dataset}", "{adaption}-{anonymized}", "{seed}")
            ),
            history=paths.training_log("{dataset}", "{adaption}-{anonymized}", "{seed}"),
        ),
    log:
        "<logs>/train/{dataset}/{adaption}-{anonymized}/seed{seed}.log",
    benchmark:
        "<benchmarks>/train/{dataset}/{adaption}-{anonymized}/seed{seed}.tsv"
    params:
        run=last_run(),


# Low-rank updates of a system's network: it learns to embed hidden images as, unchanged, it embeds their
# originals.
rule distill_system:
    input:
        refuse_too_few,
        **by_digest(
            original=lambda w: paths.images(w.dataset, "original", "train"),
            anonymized=lambda w: paths.images(w.dataset, w.anonymized, "train"),
        ),
        system=lambda w: on_disk(started.system_files(w.dataset)),
    output:
        **updated(
            **with_digest(adapter=paths.adapter("{dataset}", "{anonymized}", "{seed}")),
            settings="<results>/{dataset}/adapters/seed{seed}/{anonymized}/adapter_config.json",
            history="<results>/{dataset}/adapters/seed{seed}/{anonymized}/log.csv",
        ),
    log:
        "<logs>/distill_system/{dataset}/seed{seed}/{anonymized}.log",
    benchmark:
        "<benchmarks>/distill_system/{dataset}/seed{seed}/{anonymized}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    threads: 4
    resources:
        mem_mb=growing(lambda w: 2 * estimates[w.dataset].embedding_mb),
        runtime=growing(lambda w: estimates[w.dataset].minutes("distill_system")),
        gpu=gpus(lambda w: estimates[w.dataset].embedding_gpus),
    params:
        code=code_of("distill_system"),
        run=last_run(),
        system=lambda w: stage_parameters.system(settings, w.dataset),
        low_rank=settings.low_rank.model_dump(mode="json"),
        user_files=lambda w: contents(started.system_files(w.dataset)),
        evidence=lambda w: startup.evidence(started, w.dataset),
    script:
        "../scripts/distill_system.py"


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
        **updated(
            **with_digest(
                network="<results>/{dataset}/redrawing/{anonymized}/network.safetensors"
            ),
            history="<results>/{dataset}/redrawing/{anonymized}/log.csv",
        ),
    log:
        "<logs>/train_redrawer/{dataset}/{anonymized}.log",
    benchmark:
        "<benchmarks>/train_redrawer/{dataset}/{anonymized}.tsv"
    wildcard_constraints:
        anonymized=paths.hidden_here,
    conda:
        "../../envs/anonbench.yaml"
    threads: lambda w: estimates[w.dataset].recipe.threads
    resources:
        mem_mb=growing(lambda w: 2000 + estimates[w.dataset].training_mb),
        runtime=growing(lambda w: estimates[w.dataset].minutes("train_redrawer")),
        gpu=gpus(lambda w: estimates[w.dataset].embedding_gpus),
    params:
        code=code_of("train_redrawer"),
        run=last_run(),
        hiding=stage_parameters.hiding(settings.anonymization),
        redrawing=settings.redrawing.model_dump(mode="json"),
        recipe=lambda w: settings.recipe_of(w.dataset).model_dump(
            mode="json", include={"device", "threads"}
        ),
        seed=settings.training_seeds[0],
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
        **updated(
            **with_digest(
                tar="<results>/{dataset}/images/redrawn_{anonymized}/{split}/{shard}.tar"
            ),
            index="<results>/{dataset}/images/redrawn_{anonymized}/{split}/{shard}.parquet",
        ),
    log:
        "<logs>/redraw/{dataset}/redrawn_{anonymized}/{split}/{shard}.log",
    benchmark:
        "<benchmarks>/redraw/{dataset}/redrawn_{anonymized}/{split}/{shard}.tsv"
    wildcard_constraints:
        anonymized=paths.hidden_here,
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(lambda w: estimates[w.dataset].minutes("redraw", w.split)),
        gpu=gpus(lambda w: estimates[w.dataset].embedding_gpus),
    params:
        code=code_of("redraw"),
        run=last_run(),
        hiding=stage_parameters.hiding(settings.anonymization),
    script:
        "../scripts/redraw.py"
