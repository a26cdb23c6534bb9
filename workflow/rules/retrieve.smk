# Rankings of a data set, a job a shard of its queries; accuracies, a job a data set.


# Databases, the reference and a block of queries; a profile's set-resources says otherwise.
ranking_mb = growing(int(1000 * settings.retrieval.memory_gb) + 4000)


# One job for all rankings of a shard's queries: they share similarities. Beside the tables' own, the
# unadapted models of other seeds rank the originals too, which tells costs from retrieval bias.
for _name in experiment.datasets:
    _folder = f"<results>/{_name}/retrieval"
    _seeds = experiment.second_references(_name)
    _kept = {
        "scores": [f"{results}/{_name}/retrieval"],
        "second": [f"{results}/{_name}/retrieval/second/seed{seed}" for seed in _seeds],
    }
    _trained = [run.path for run in experiment.trained_scenarios(_name)]

    rule:
        name:
            f"retrieve_{_name}"
        input:
            **by_digest(
                reference=paths.reference_embedding(_name),
                seconds=[paths.reference_embedding(_name, seed) for seed in _seeds],
                queries=paths.embeddings(_name, variant="original"),
                databases=paths.embeddings(_name),
            ),
        output:
            scores=f"{_folder}/shards/{{shard}}.parquet",
            second=[f"{_folder}/second/seed{seed}/shards/{{shard}}.parquet" for seed in _seeds],
        log:
            f"<logs>/retrieve/{_name}/shards/{{shard}}.log",
        benchmark:
            f"<benchmarks>/retrieve/{_name}/shards/{{shard}}.tsv"
        conda:
            "../../envs/anonbench.yaml"
        threads: estimates[_name].retrieval_threads
        resources:
            mem_mb=ranking_mb,
            runtime=growing(estimates[_name].minutes("retrieve")),
        params:
            code=code_of("retrieve"),
            dataset=_name,
            scenarios=paths.scenario_names(_name),
            trained=_trained,
            settings=settings.retrieval.effective(),
            shards=settings.retrieval.shards,
        script:
            "../scripts/retrieve.py"

    rule:
        name:
            f"rankings_{_name}"
        input:
            **{
                kind: [
                    f"{folder}/shards/{shard}.parquet"
                    for folder in folders
                    for shard in range(settings.retrieval.shards)
                ]
                for kind, folders in _kept.items()
            },
        output:
            queries=paths.scenario_files(_name, "retrieval", "parquet"),
            summaries=paths.scenario_files(_name, "retrieval", "json"),
            second=[f"{_folder}/second/seed{seed}.parquet" for seed in _seeds],
        log:
            f"<logs>/rankings/{_name}.log",
        benchmark:
            f"<benchmarks>/rankings/{_name}.tsv"
        conda:
            "../../envs/anonbench.yaml"
        resources:
            mem_mb=ranking_mb,
            runtime=growing(20),
        params:
            code=code_of("rankings"),
            dataset=_name,
            scenarios=paths.scenario_names(_name),
            trained=_trained,
            settings=settings.retrieval.effective(),
        script:
            "../scripts/rankings.py"


# Each training's ranking of original images, judged by that of each other training.
rule trainings:
    input:
        **by_digest(
            clusters=rules.clusters.output.clusters,
            originals=lambda w: [
                paths.embedding(w.dataset, model, seed, "original")
                for model, seed in experiment.ranking_trainings(w.dataset)
            ],
        ),
    output:
        "<results>/{dataset}/trainings.csv",
    log:
        "<logs>/trainings/{dataset}.log",
    benchmark:
        "<benchmarks>/trainings/{dataset}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=ranking_mb,
        runtime=growing(lambda w: estimates[w.dataset].minutes("trainings")),
    params:
        code=code_of("trainings"),
        retrieval=settings.retrieval.effective(),
        confidence=settings.presentation.confidence,
        trainings=lambda w: [
            (str(model), seed) for model, seed in experiment.ranking_trainings(w.dataset)
        ],
    script:
        "../scripts/trainings.py"


# Archives of which a share is anonymized, from the scenarios' embeddings.
rule deployments:
    input:
        **by_digest(
            clusters=rules.clusters.output.clusters,
            references=lambda w: paths.references(w.dataset),
            embeddings=lambda w: list(paths.deployed(w.dataset).values()),
            labels=lambda w: paths.dataset_files(
                "{dataset}/manifest.parquet",
                [w.dataset] if datasets[w.dataset].anonymized_first else [],
            ),
        ),
    output:
        "<results>/{dataset}/deployments.csv",
    log:
        "<logs>/deployments/{dataset}.log",
    benchmark:
        "<benchmarks>/deployments/{dataset}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(8000),
        runtime=growing(lambda w: estimates[w.dataset].minutes("deployments")),
    params:
        code=code_of("deployments"),
        deployments=settings.deployments.model_dump(mode="json"),
        first=lambda w: datasets[w.dataset].anonymized_first,
        retrieval=settings.retrieval.effective(),
        tests=presentation("confidence", "equivalence_margin"),
        degree=lambda w: max(datasets[w.dataset].degrees),
        methods=lambda w: list(paths.deployed(w.dataset)),
    script:
        "../scripts/deployments.py"


# One job for all models: a scenario whose embeddings are unchanged is not scored again.
for _name in (n for n, dataset in experiment.datasets.items() if dataset.is_classified):
    _runs = experiment.scenarios(_name)

    rule:
        name:
            f"downstream_{_name}"
        input:
            **by_digest(
                manifest=f"{results}/{_name}/manifest.parquet",
                clusters=f"{results}/{_name}/clusters.parquet",
                train=[
                    paths.embedding(_name, run.model, run.seed, run.variant, "train")
                    for run in _runs
                ],
                val=paths.embeddings(_name),
            ),
        output:
            **updated(
                predictions=paths.scenario_files(_name, "downstream", "parquet"),
                summary=paths.scenario_files(_name, "downstream", "json"),
            ),
        log:
            f"<logs>/downstream/{_name}.log",
        benchmark:
            f"<benchmarks>/downstream/{_name}.tsv"
        conda:
            "../../envs/anonbench.yaml"
        threads: estimates[_name].downstream_threads
        resources:
            mem_mb=growing(8000),
            runtime=growing(estimates[_name].minutes("downstream")),
        params:
            code=code_of("downstream"),
            run=last_run(),
            classifiers=settings.downstream.model_dump(mode="json"),
            label=datasets[_name].label,
            seed=settings.seed,
            dataset=_name,
        script:
            "../scripts/downstream.py"


# Only where `retrieval.near_duplicates` asks for it. Hashes tell which originals are nearly equal.
rule hash_images:
    input:
        **by_digest(index="<results>/{dataset}/images/original/val/{shard}.parquet"),
    output:
        "<results>/{dataset}/near_duplicates/{shard}.parquet",
    log:
        "<logs>/hash_images/{dataset}/{shard}.log",
    benchmark:
        "<benchmarks>/hash_images/{dataset}/{shard}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(lambda w: estimates[w.dataset].minutes("hash_images", "val")),
    params:
        code=code_of("hash_images"),
    script:
        "../scripts/hash_images.py"


rule near_duplicates:
    input:
        **by_digest(
            reference=lambda w: paths.reference_embedding(w.dataset),
            queries=lambda w: paths.embeddings(w.dataset, variant="original"),
            databases=lambda w: paths.embeddings(w.dataset),
            clusters=rules.clusters.output.clusters,
        ),
        hashes=lambda w: [
            f"{results}/{w.dataset}/near_duplicates/{shard}.parquet"
            for shard in paths.shards(w.dataset, "val")
        ],
        scores="<results>/{dataset}/scores.csv",
    output:
        "<results>/{dataset}/near_duplicates.csv",
    log:
        "<logs>/near_duplicates/{dataset}.log",
    benchmark:
        "<benchmarks>/near_duplicates/{dataset}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    threads: lambda w: estimates[w.dataset].retrieval_threads
    resources:
        mem_mb=ranking_mb,
        runtime=growing(lambda w: estimates[w.dataset].minutes("near_duplicates")),
    params:
        code=code_of("near_duplicates"),
        retrieval=settings.retrieval.effective(),
        near_duplicates=list(settings.retrieval.near_duplicates),
        confidence=settings.presentation.confidence,
        reference_seed=experiment.reference_seed,
        control_seeds=settings.control_seeds,
        scenarios=lambda w: paths.scenario_names(w.dataset),
    script:
        "../scripts/near_duplicates.py"
