# Scores: rankings of a data set, a job a shard of its queries; accuracies, a job a scenario (model
# and variant); then one tidy table a data set, and correlations.


# One job for all scenarios: they share the reference similarities. Their scores are kept beside the
# outputs (`kept/`, no output of any rule): an added model or a job that was killed computes only
# what is new. docs/explanation/design.md says why.
rule retrieve:
    input:
        lambda w: digests(scored_embeddings(w.dataset, "original")),
        lambda w: digests(scored_embeddings(w.dataset)),
        reference=lambda w: ancient(reference_embedding(w.dataset)),
        queries=lambda w: ancient(scored_embeddings(w.dataset, "original")),
        databases=lambda w: ancient(scored_embeddings(w.dataset)),
    output:
        f"{results}/{{dataset}}/retrieval/shards/{{shard}}.parquet",
    log:
        f"{logs}/retrieve/{{dataset}}/{{shard}}.log",
    benchmark:
        f"{benchmarks}/retrieve/{{dataset}}/{{shard}}.tsv"
    conda:
        CONDA
    threads: lambda w: estimates.retrieval_threads(w.dataset)
    resources:
        gpu=estimates.retrieval_gpus(),
        mem_mb=lambda w: estimates.retrieval_mb(w.dataset),
        runtime=lambda w: estimates.minutes("retrieve", w.dataset),
    params:
        slice=stage_parameters.retrieve(settings),
        scenarios=lambda w: scenario_names(w.dataset),
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
                plain(rules.retrieve.output),
                dataset=_name,
                shard=range(settings.retrieval.shards),
            ),
        output:
            queries=scenario_files(_name, "retrieval", "parquet"),
            summaries=scenario_files(_name, "retrieval", "json"),
        log:
            f"{logs}/rankings/{_name}.log",
        benchmark:
            f"{benchmarks}/rankings/{_name}.tsv"
        conda:
            CONDA
        threads: 1
        resources:
            mem_mb=estimates.rankings_mb(_name),
            runtime=20,
        params:
            slice=stage_parameters.retrieve(settings),
            scenarios=scenario_names(_name),
        script:
            "../scripts/rankings.py"


rule downstream:
    input:
        digest_file(rules.manifest.output.manifest),
        digest_file(embedding("{dataset}", "{model}", "{seed}", "{variant}", "train")),
        digest_file(embedding("{dataset}", "{model}", "{seed}", "{variant}", "val")),
        manifest=ancient(rules.manifest.output.manifest),
        train=ancient(embedding("{dataset}", "{model}", "{seed}", "{variant}", "train")),
        val=ancient(embedding("{dataset}", "{model}", "{seed}", "{variant}", "val")),
    output:
        predictions=f"{results}/{{dataset}}/downstream/{{model}}/seed{{seed}}/{{variant}}.parquet",
        summary=f"{results}/{{dataset}}/downstream/{{model}}/seed{{seed}}/{{variant}}.json",
        confusion=f"{results}/{{dataset}}/downstream/{{model}}/seed{{seed}}/{{variant}}.confusion.csv",
    log:
        f"{logs}/downstream/{{dataset}}/{{model}}-seed{{seed}}/{{variant}}.log",
    benchmark:
        f"{benchmarks}/downstream/{{dataset}}/{{model}}-seed{{seed}}/{{variant}}.tsv"
    conda:
        CONDA
    threads: lambda w: estimates.downstream_threads(w.dataset)
    resources:
        mem_mb=lambda w: estimates.downstream_mb(w.dataset),
        runtime=lambda w: estimates.minutes("downstream", w.dataset),
    params:
        slice=lambda w: stage_parameters.downstream(settings, w.dataset),
    script:
        "../scripts/downstream.py"


rule scores:
    input:
        enough=[] if settings.bundle else rules.enough.output,
        retrieval=lambda w: scenario_files(w.dataset, "retrieval", "json"),
        queries=lambda w: scenario_files(w.dataset, "retrieval", "parquet"),
        downstream=downstream_files,
        predictions=lambda w: [
            path.removesuffix("json") + "parquet" for path in downstream_files(w)
        ],
    output:
        f"{results}/{{dataset}}/scores.csv",
    log:
        f"{logs}/scores/{{dataset}}.log",
    benchmark:
        f"{benchmarks}/scores/{{dataset}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        slice=stage_parameters.scores(settings),
        scenarios=lambda w: [
            (str(run.model), run.seed, str(run.variant))
            for run in experiment.scenarios(w.dataset)
        ],
        reference_seed=experiment.reference_seed,
        control_seeds=settings.control_seeds,
    script:
        "../scripts/scores.py"


rule comparisons:
    input:
        retrieval=rules.scores.input.retrieval,
        queries=rules.scores.input.queries,
        downstream=rules.scores.input.downstream,
        predictions=rules.scores.input.predictions,
    output:
        f"{results}/{{dataset}}/comparisons.csv",
    log:
        f"{logs}/comparisons/{{dataset}}.log",
    benchmark:
        f"{benchmarks}/comparisons/{{dataset}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        slice=stage_parameters.comparisons(settings),
        scenarios=rules.scores.params.scenarios,
        reference_seed=experiment.reference_seed,
        control_seeds=settings.control_seeds,
    script:
        "../scripts/comparisons.py"


rule correlate:
    input:
        rules.scores.output,
    output:
        matrix=f"{results}/{{dataset}}/correlation/{{degree}}.csv",
        methods=f"{results}/{{dataset}}/correlation/{{degree}}_by_method.csv",
        summary=f"{results}/{{dataset}}/correlation/{{degree}}.json",
    log:
        f"{logs}/correlate/{{dataset}}-{{degree}}.log",
    benchmark:
        f"{benchmarks}/correlate/{{dataset}}-{{degree}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        slice=stage_parameters.correlate(settings),
    script:
        "../scripts/correlate.py"
