# Scores: rankings of a data set, a job a shard of its queries; accuracies, a job a model;
# then one tidy table a data set, and correlations.


# One job for all scenarios: they share the reference similarities.
rule retrieve:
    input:
        **ranked(experiment.scenarios),
    output:
        "<results>/{dataset}/retrieval/shards/{shard}.parquet",
    params:
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
        resources:
            mem_mb=estimates.rankings_mb(_name),
        params:
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
    params:
        scenarios=named(experiment.trained_scenarios),


rule second_rankings:
    input:
        all_shards(rules.retrieve_second),
    output:
        "<results>/{dataset}/retrieval/second/seed{seed}.parquet",
    params:
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
    script:
        "../scripts/effects.py"


rule variance:
    input:
        **by_digest(clusters=rules.clusters.output.clusters),
        own=rules.effects.input.own,
        second=rules.effects.input.second,
    output:
        "<results>/{dataset}/variance.csv",
    script:
        "../scripts/variance.py"


# Query kinds are compared without own images: an anonymized query finds itself first.
use rule retrieve as retrieve_without_own with:
    input:
        **ranked(experiment.anonymized_scenarios),
    output:
        "<results>/{dataset}/retrieval/without_own/shards/{shard}.parquet",
    params:
        slice=stage_parameters.retrieve_without_own(settings),
        scenarios=named(experiment.anonymized_scenarios),


use rule second_rankings as without_own_rankings with:
    input:
        all_shards(rules.retrieve_without_own),
    output:
        "<results>/{dataset}/retrieval/without_own.parquet",
    params:
        scenarios=named(experiment.anonymized_scenarios),


rule query_kinds:
    input:
        **by_digest(clusters=rules.clusters.output.clusters),
        scores=rules.without_own_rankings.output[0],
    output:
        "<results>/{dataset}/query_kinds.csv",
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
    params:
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
    params:
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
        predictions=["<results>/{dataset}/downstream/{model}/seed{seed}/{variant}.parquet"],
        summary=["<results>/{dataset}/downstream/{model}/seed{seed}/{variant}.json"],
        confusion=["<results>/{dataset}/downstream/{model}/seed{seed}/{variant}.confusion.csv"],
    wildcard_constraints:
        model=r"\w+-[^/]+",  # of one variant
    script:
        "../scripts/downstream.py"


# Models that embed every variant: a job a model and seed.
for _name in filter(experiment.is_classified, experiment.datasets):
    for (_model, _seed), _variants in experiment.on_every_variant(_name).items():
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
                predictions=[f"{_folder}/{each}.parquet" for each in _variants],
                summary=[f"{_folder}/{each}.json" for each in _variants],
                confusion=[f"{_folder}/{each}.confusion.csv" for each in _variants],
            log:
                f"<logs>/downstream/{_name}/{_model}/seed{_seed}.log",
            threads: estimates.downstream_threads(_name, str(_model))
            resources:
                mem_mb=estimates.downstream_mb(_name, str(_model)),
                runtime=estimates.minutes("downstream", _name, "train", str(_model)),
            params:
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
    script:
        "../scripts/scores.py"


rule comparisons:
    input:
        **scored,
    output:
        models="<results>/{dataset}/comparisons.csv",
        methods="<results>/{dataset}/method_comparisons.csv",
    script:
        "../scripts/comparisons.py"


rule best:
    input:
        **scored,
        own=lambda w: list(paths.trained_scores(w.dataset).values()),
        second=lambda w: list(paths.second_scores(w.dataset).values()),
    output:
        "<results>/{dataset}/best.csv",
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
    script:
        "../scripts/correlate.py"
