# Scores: rankings of a data set, a job a shard of its queries; accuracies, a job a model;
# then one tidy table a data set, and correlations.


# One job for all scenarios: they share the reference similarities.
rule retrieve:
    input:
        **ranked(experiment.scenarios),
    output:
        "<results>/{dataset}/retrieval/shards/{shard}.parquet",
    log:
        "<logs>/retrieve/{dataset}/shards/{shard}.log",
    benchmark:
        "<benchmarks>/retrieve/{dataset}/shards/{shard}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    threads: lambda w: estimates.retrieval_threads(w.dataset)
    resources:
        mem_mb=growing(lambda w: estimates.retrieval_mb(w.dataset)),
        runtime=growing(lambda w: estimates.minutes("retrieve", w.dataset)),
        gpu=gpus(estimates.retrieval_gpus()),
    params:
        code=code_of("retrieve"),
        slice=stage_parameters.retrieve(settings),
        shards=settings.retrieval.shards,
        scenarios=named(experiment.scenarios),
    script:
        "../scripts/retrieve.py"


# The files of a data set's scenarios follow no pattern: a rule a data set names them.
for _name in experiment.datasets:

    rule:
        name:
            f"rankings_{_name}"
        input:
            all_shards(rules.retrieve, dataset=_name),
        output:
            queries=paths.scenario_files(_name, "retrieval", "parquet"),
            summaries=paths.scenario_files(_name, "retrieval", "json"),
        log:
            f"<logs>/rankings/rankings_{_name}.log",
        benchmark:
            f"<benchmarks>/rankings/rankings_{_name}.tsv"
        conda:
            "../../envs/anonbench.yaml"
        resources:
            mem_mb=growing(estimates.rankings_mb(_name)),
            runtime=growing(20),
        params:
            code=code_of("rankings"),
            slice=stage_parameters.retrieve(settings),
            scenarios=paths.scenario_names(_name),
        script:
            "../scripts/rankings.py"


# What second references find: the unadapted models of other seeds rank the originals too, which
# tells costs from retrieval bias.
use rule retrieve as retrieve_second with:
    input:
        **ranked(experiment.trained_scenarios),
    output:
        "<results>/{dataset}/retrieval/second/seed{seed}/shards/{shard}.parquet",
    log:
        "<logs>/retrieve/{dataset}/second/seed{seed}/shards/{shard}.log",
    benchmark:
        "<benchmarks>/retrieve/{dataset}/second/seed{seed}/shards/{shard}.tsv"
    params:
        scenarios=named(experiment.trained_scenarios),


rule second_rankings:
    input:
        all_shards(rules.retrieve_second),
    output:
        "<results>/{dataset}/retrieval/second/seed{seed}.parquet",
    log:
        "<logs>/second_rankings/{dataset}/second/seed{seed}.log",
    benchmark:
        "<benchmarks>/second_rankings/{dataset}/second/seed{seed}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(lambda w: estimates.retrieval_mb(w.dataset)),
        runtime=growing(20),
    params:
        code=code_of("second_rankings"),
        scenarios=named(experiment.trained_scenarios),
    script:
        "../scripts/second_rankings.py"


rule effects:
    input:
        **by_digest(clusters=rules.clusters.output.clusters),
        own=lambda w: list(paths.trained_scores(w.dataset).values()),
        second=lambda w: list(paths.second_scores(w.dataset).values()),
    output:
        "<results>/{dataset}/effects.csv",
    log:
        "<logs>/effects/{dataset}.log",
    benchmark:
        "<benchmarks>/effects/{dataset}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        code=code_of("effects"),
        slice=stage_parameters.comparisons(settings),
        references=references,
        scenarios=listed(experiment.trained_scenarios),
    script:
        "../scripts/effects.py"


rule variance:
    input:
        **by_digest(clusters=rules.clusters.output.clusters),
        own=rules.effects.input.own,
        second=rules.effects.input.second,
    output:
        "<results>/{dataset}/variance.csv",
    log:
        "<logs>/variance/{dataset}.log",
    benchmark:
        "<benchmarks>/variance/{dataset}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        code=code_of("variance"),
        slice=stage_parameters.variance(settings),
        references=references,
        scenarios=listed(experiment.trained_scenarios),
    script:
        "../scripts/variance.py"


# Query kinds are compared without own images: an anonymized query finds itself first.
use rule retrieve as retrieve_without_own with:
    input:
        **ranked(experiment.anonymized_scenarios),
    output:
        "<results>/{dataset}/retrieval/without_own/shards/{shard}.parquet",
    log:
        "<logs>/retrieve/{dataset}/without_own/shards/{shard}.log",
    benchmark:
        "<benchmarks>/retrieve/{dataset}/without_own/shards/{shard}.tsv"
    params:
        slice=stage_parameters.retrieve_without_own(settings),
        scenarios=named(experiment.anonymized_scenarios),


use rule second_rankings as without_own_rankings with:
    input:
        all_shards(rules.retrieve_without_own),
    output:
        "<results>/{dataset}/retrieval/without_own.parquet",
    log:
        "<logs>/second_rankings/{dataset}.log",
    benchmark:
        "<benchmarks>/second_rankings/{dataset}.tsv"
    params:
        scenarios=named(experiment.anonymized_scenarios),


rule query_kinds:
    input:
        **by_digest(clusters=rules.clusters.output.clusters),
        scores=rules.without_own_rankings.output[0],
    output:
        "<results>/{dataset}/query_kinds.csv",
    log:
        "<logs>/query_kinds/{dataset}.log",
    benchmark:
        "<benchmarks>/query_kinds/{dataset}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        code=code_of("query_kinds"),
        slice=stage_parameters.comparisons(settings),
        scenarios=listed(experiment.anonymized_scenarios),
    script:
        "../scripts/query_kinds.py"


# Each training's ranking of original images, judged by that of each other training.
rule trainings:
    input:
        **by_digest(
            clusters=rules.clusters.output.clusters,
            originals=lambda w: paths.trained_originals(w.dataset),
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
        mem_mb=growing(lambda w: estimates.trainings_mb(w.dataset)),
        runtime=growing(lambda w: estimates.minutes("trainings", w.dataset)),
    params:
        code=code_of("trainings"),
        slice=stage_parameters.trainings(settings),
        trainings=lambda w: [
            (str(model), seed) for model, seed in experiment.ranking_trainings(w.dataset)
        ],
    script:
        "../scripts/trainings.py"


# Archives that are searched in other ways than a scenario's, from the same embeddings.
rule deployments:
    input:
        **by_digest(
            clusters=rules.clusters.output.clusters,
            references=lambda w: paths.references(w.dataset),
            embeddings=lambda w: list(paths.deployed(w.dataset).values()),
            labels=lambda w: paths.labels_of_order(w.dataset),
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
        mem_mb=growing(lambda w: estimates.deployments_mb(w.dataset)),
        runtime=growing(lambda w: estimates.minutes("deployments", w.dataset)),
    params:
        code=code_of("deployments"),
        slice=lambda w: stage_parameters.deployments(settings, w.dataset),
        degree=lambda w: max(datasets[w.dataset].degrees),
        embedded=lambda w: list(paths.deployed(w.dataset)),
    script:
        "../scripts/deployments.py"


rule downstream:
    input:
        **by_digest(
            manifest=rules.manifest.output.manifest,
            clusters=rules.clusters.output.clusters,
            train=[paths.embedding("{dataset}", "{model}", "{seed}", "{variant}", "train")],
            val=[paths.embedding("{dataset}", "{model}", "{seed}", "{variant}")],
        ),
    output:
        **updated(
            predictions=["<results>/{dataset}/downstream/{model}/seed{seed}/{variant}.parquet"],
            summary=["<results>/{dataset}/downstream/{model}/seed{seed}/{variant}.json"],
            confusion=[
                "<results>/{dataset}/downstream/{model}/seed{seed}/{variant}.confusion.csv"
            ],
        ),
    log:
        "<logs>/downstream/{dataset}/{model}/seed{seed}/{variant}.log",
    benchmark:
        "<benchmarks>/downstream/{dataset}/{model}/seed{seed}/{variant}.tsv"
    wildcard_constraints:
        model=r"\w+-[^/]+",  # of one variant
    conda:
        "../../envs/anonbench.yaml"
    threads: lambda w: estimates.downstream_threads(w.dataset, w.model)
    resources:
        mem_mb=growing(lambda w: estimates.downstream_mb(w.dataset, w.model)),
        runtime=growing(lambda w: estimates.minutes("downstream", w.dataset, "train", w.model)),
    params:
        code=code_of("downstream"),
        slice=lambda w: stage_parameters.downstream(settings, w.dataset),
    script:
        "../scripts/downstream.py"


# Models that embed every variant: a job a model and seed.
for _name in filter(experiment.is_classified, experiment.datasets):
    for (_model, _seed), _variants in experiment.models_by_variant(_name).items():
        _folder = f"<results>/{_name}/downstream/{_model}/seed{_seed}"

        rule:
            name:
                f"downstream_{_name}_{_model}_seed{_seed}"
            input:
                **by_digest(
                    manifest=f"{results}/{_name}/manifest.parquet",
                    clusters=f"{results}/{_name}/clusters.parquet",
                    train=[
                        paths.embedding(_name, _model, _seed, each, "train") for each in _variants
                    ],
                    val=[paths.embedding(_name, _model, _seed, each) for each in _variants],
                ),
            output:
                **updated(
                    predictions=[f"{_folder}/{each}.parquet" for each in _variants],
                    summary=[f"{_folder}/{each}.json" for each in _variants],
                    confusion=[f"{_folder}/{each}.confusion.csv" for each in _variants],
                ),
            log:
                f"<logs>/downstream/{_name}/{_model}/seed{_seed}.log",
            benchmark:
                f"<benchmarks>/downstream/{_name}/{_model}/seed{_seed}.tsv"
            conda:
                "../../envs/anonbench.yaml"
            threads: estimates.downstream_threads(_name, str(_model))
            resources:
                mem_mb=growing(estimates.downstream_mb(_name, str(_model))),
                runtime=growing(estimates.minutes("downstream", _name, "train", str(_model))),
            params:
                code=code_of("downstream"),
                slice=stage_parameters.downstream(settings, _name),
                dataset=_name,
            script:
                "../scripts/downstream.py"


scored = dict(
    **by_digest(clusters=rules.clusters.output.clusters),
    retrieval=lambda w: paths.scenario_files(w.dataset, "retrieval", "json"),
    queries=lambda w: paths.scenario_files(w.dataset, "retrieval", "parquet"),
    downstream=lambda w: paths.scenario_files(w.dataset, "downstream", "json"),
    predictions=lambda w: paths.scenario_files(w.dataset, "downstream", "parquet"),
)


rule scores:
    input:
        **scored,
        enough=[] if settings.bundle else rules.enough.output,
    output:
        "<results>/{dataset}/scores.csv",
    log:
        "<logs>/scores/{dataset}.log",
    benchmark:
        "<benchmarks>/scores/{dataset}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        code=code_of("scores"),
        slice=stage_parameters.scores(settings),
        reference_seed=experiment.reference_seed,
        control_seeds=settings.control_seeds,
        scenarios=listed(experiment.scenarios),
    script:
        "../scripts/scores.py"


rule comparisons:
    input:
        **scored,
    output:
        models="<results>/{dataset}/comparisons.csv",
        methods="<results>/{dataset}/method_comparisons.csv",
    log:
        "<logs>/comparisons/{dataset}.log",
    benchmark:
        "<benchmarks>/comparisons/{dataset}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        code=code_of("comparisons"),
        slice=stage_parameters.comparisons(settings),
        reference_seed=experiment.reference_seed,
        control_seeds=settings.control_seeds,
        scenarios=listed(experiment.scenarios),
    script:
        "../scripts/comparisons.py"


rule best:
    input:
        **scored,
        own=lambda w: list(paths.trained_scores(w.dataset).values()),
        second=lambda w: list(paths.second_scores(w.dataset).values()),
    output:
        "<results>/{dataset}/best.csv",
    log:
        "<logs>/best/{dataset}.log",
    benchmark:
        "<benchmarks>/best/{dataset}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        code=code_of("best"),
        slice=stage_parameters.best(settings),
        reference_seed=experiment.reference_seed,
        control_seeds=settings.control_seeds,
        references=references,
        scenarios=listed(experiment.scenarios),
        trained=listed(experiment.trained_scenarios),
    script:
        "../scripts/best.py"


rule correlate:
    input:
        rules.scores.output,
    output:
        matrix="<results>/{dataset}/correlation/{degree}.csv",
        methods="<results>/{dataset}/correlation/{degree}_by_method.csv",
        within="<results>/{dataset}/correlation/{degree}_within.csv",
        summary="<results>/{dataset}/correlation/{degree}.json",
    log:
        "<logs>/correlate/{dataset}/{degree}.log",
    benchmark:
        "<benchmarks>/correlate/{dataset}/{degree}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        code=code_of("correlate"),
        slice=stage_parameters.correlate(settings),
    script:
        "../scripts/correlate.py"
