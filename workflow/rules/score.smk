# Scores: rankings of a data set, a job a shard of its queries; accuracies, a job a scenario (model
# and variant); then one tidy table a data set, and correlations.


# One job for all scenarios: they share the reference similarities. Their scores are kept beside the
# outputs (`kept/`, no output of any rule): an added model or a job that was killed computes only
# what is new. docs/explanation/design.md says why.
rule retrieve:
    input:
        **by_digest(
            reference=lambda w: paths.reference_embedding(w.dataset),
            queries=lambda w: paths.embeddings(w.dataset, variant="original"),
            databases=lambda w: paths.embeddings(w.dataset),
        ),
    output:
        "<results>/{dataset}/retrieval/shards/{shard}.parquet",
    params:
        slice=stage_parameters.retrieve(settings),
        scenarios=lambda w: paths.scenario_names(w.dataset),
        shards=settings.retrieval.shards,
    script:
        "../scripts/retrieve.py"


# The files of a data set's scenarios follow no pattern: a rule a data set names them.
for _name in experiment.datasets:

    rule:
        name:
            f"rankings_{_name}"
        input:
            expand(
                plain(rules.retrieve.output), dataset=_name, shard=range(settings.retrieval.shards)
            ),
        output:
            queries=paths.scenario_files(_name, "retrieval", "parquet"),
            summaries=paths.scenario_files(_name, "retrieval", "json"),
        log:
            f"<logs>/rankings/{_name}.log",
        resources:
            mem_mb=estimates.rankings_mb(_name),
        params:
            slice=stage_parameters.retrieve(settings),
            scenarios=paths.scenario_names(_name),
        script:
            "../scripts/rankings.py"


# What second references find: the unadapted models of other seeds rank the originals too, which
# tells costs from retrieval bias. The cache of scores is a folder of its own.
use rule retrieve as retrieve_second with:
    input:
        **by_digest(
            reference=paths.reference_embedding("{dataset}", "{seed}"),
            queries=lambda w: paths.embeddings(
                w.dataset, experiment.trained_scenarios(w.dataset), "original"
            ),
            databases=lambda w: paths.embeddings(
                w.dataset, experiment.trained_scenarios(w.dataset)
            ),
        ),
    output:
        "<results>/{dataset}/retrieval/second/seed{seed}/shards/{shard}.parquet",
    log:
        "<logs>/retrieve/{dataset}/second-seed{seed}-{shard}.log",
    params:
        slice=stage_parameters.retrieve(settings),
        scenarios=lambda w: list(paths.trained_scores(w.dataset)),
        shards=settings.retrieval.shards,


rule second_rankings:
    input:
        expand(
            plain(rules.retrieve_second.output),
            shard=range(settings.retrieval.shards),
            allow_missing=True,
        ),
    output:
        "<results>/{dataset}/retrieval/second/seed{seed}.parquet",
    log:
        "<logs>/rankings/{dataset}-second-seed{seed}.log",
    params:
        scenarios=lambda w: list(paths.trained_scores(w.dataset)),
    script:
        "../scripts/second_rankings.py"


rule effects:
    input:
        **by_digest(clusters=rules.clusters.output.clusters),
        own=lambda w: list(paths.trained_scores(w.dataset).values()),
        second=lambda w: list(paths.second_scores(w.dataset).values()),
    output:
        "<results>/{dataset}/effects.csv",
    params:
        slice=stage_parameters.comparisons(settings),
        scenarios=lambda w: [
            (str(run.model), run.seed, str(run.variant))
            for run in experiment.trained_scenarios(w.dataset)
        ],
        references=lambda w: [experiment.reference_seed, *experiment.second_references(w.dataset)],
    script:
        "../scripts/effects.py"


rule variance:
    input:
        **by_digest(clusters=rules.clusters.output.clusters),
        own=rules.effects.input.own,
        second=rules.effects.input.second,
    output:
        "<results>/{dataset}/variance.csv",
    params:
        slice=stage_parameters.variance(settings),
        scenarios=rules.effects.params.scenarios,
        references=rules.effects.params.references,
    script:
        "../scripts/variance.py"


# Query kinds are compared without own images: an anonymized query finds itself first. The cache of
# scores is a folder of its own.
use rule retrieve as retrieve_without_own with:
    input:
        **by_digest(
            reference=lambda w: paths.reference_embedding(w.dataset),
            queries=lambda w: paths.embeddings(
                w.dataset, experiment.anonymized_scenarios(w.dataset), "original"
            ),
            databases=lambda w: paths.embeddings(
                w.dataset, experiment.anonymized_scenarios(w.dataset)
            ),
        ),
    output:
        "<results>/{dataset}/retrieval/without_own/shards/{shard}.parquet",
    log:
        "<logs>/retrieve/{dataset}/without-own-{shard}.log",
    params:
        slice=stage_parameters.retrieve_without_own(settings),
        scenarios=lambda w: [run.path for run in experiment.anonymized_scenarios(w.dataset)],
        shards=settings.retrieval.shards,


use rule second_rankings as without_own_rankings with:
    input:
        expand(
            plain(rules.retrieve_without_own.output),
            shard=range(settings.retrieval.shards),
            allow_missing=True,
        ),
    output:
        "<results>/{dataset}/retrieval/without_own.parquet",
    log:
        "<logs>/rankings/{dataset}-without-own.log",
    params:
        scenarios=lambda w: [run.path for run in experiment.anonymized_scenarios(w.dataset)],


rule query_kinds:
    input:
        **by_digest(clusters=rules.clusters.output.clusters),
        scores=rules.without_own_rankings.output[0],
    output:
        "<results>/{dataset}/query_kinds.csv",
    params:
        slice=stage_parameters.comparisons(settings),
        scenarios=lambda w: [
            (str(run.model), run.seed, str(run.variant))
            for run in experiment.anonymized_scenarios(w.dataset)
        ],
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
        slice=stage_parameters.new_persons(settings),
        trainings=lambda w: [(str(model), seed) for model, seed in experiment.trainings(w.dataset)],
    script:
        "../scripts/trainings.py"


# mAP without one person at a time, in queries and database at once.
rule new_persons:
    input:
        **by_digest(
            clusters=rules.clusters.output.clusters,
            reference=lambda w: paths.reference_embedding(w.dataset),
            queries=lambda w: paths.embeddings(
                w.dataset, experiment.anonymized_scenarios(w.dataset), "original"
            ),
            databases=lambda w: paths.embeddings(
                w.dataset, experiment.anonymized_scenarios(w.dataset)
            ),
        ),
    output:
        "<results>/{dataset}/new_persons.csv",
    params:
        slice=stage_parameters.new_persons(settings),
        scenarios=rules.query_kinds.params.scenarios,
    script:
        "../scripts/new_persons.py"


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
        slice=lambda w: stage_parameters.deployments(settings, w.dataset),
        degree=lambda w: max(data(w).degrees),
        embedded=lambda w: list(paths.deployed(w.dataset)),
    script:
        "../scripts/deployments.py"


rule downstream:
    input:
        **by_digest(
            manifest=rules.manifest.output.manifest,
            clusters=rules.clusters.output.clusters,
            train=paths.embedding("{dataset}", "{model}", "{seed}", "{variant}", "train"),
            val=paths.embedding("{dataset}", "{model}", "{seed}", "{variant}"),
        ),
    output:
        predictions="<results>/{dataset}/downstream/{model}/seed{seed}/{variant}.parquet",
        summary="<results>/{dataset}/downstream/{model}/seed{seed}/{variant}.json",
        confusion="<results>/{dataset}/downstream/{model}/seed{seed}/{variant}.confusion.csv",
    params:
        slice=lambda w: stage_parameters.downstream(settings, w.dataset),
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
    params:
        slice=stage_parameters.scores(settings),
        scenarios=lambda w: [
            (str(run.model), run.seed, str(run.variant)) for run in experiment.scenarios(w.dataset)
        ],
        reference_seed=experiment.reference_seed,
        control_seeds=settings.control_seeds,
    script:
        "../scripts/scores.py"


rule comparisons:
    input:
        **scored,
    output:
        models="<results>/{dataset}/comparisons.csv",
        methods="<results>/{dataset}/method_comparisons.csv",
    params:
        slice=stage_parameters.comparisons(settings),
        scenarios=rules.scores.params.scenarios,
        reference_seed=experiment.reference_seed,
        control_seeds=settings.control_seeds,
    script:
        "../scripts/comparisons.py"


rule best:
    input:
        **scored,
        own=lambda w: list(paths.trained_scores(w.dataset).values()),
        second=lambda w: list(paths.second_scores(w.dataset).values()),
    output:
        "<results>/{dataset}/best.csv",
    params:
        slice=stage_parameters.best(settings),
        scenarios=rules.scores.params.scenarios,
        trained=rules.effects.params.scenarios,
        references=rules.effects.params.references,
        reference_seed=experiment.reference_seed,
        control_seeds=settings.control_seeds,
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
    params:
        slice=stage_parameters.correlate(settings),
    script:
        "../scripts/correlate.py"
