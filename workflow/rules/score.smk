# Scores: a job a scenario (model and variant), then one tidy table a data set, and correlations.


rule retrieve:
    input:
        reference=lambda w: embedding(
            w.dataset, "unadapted", experiment.reference_seed, "original", "val"
        ),
        original=embedding("{dataset}", "{model}", "{seed}", "original", "val"),
        anonymized=embedding("{dataset}", "{model}", "{seed}", "{anonymized}", "val"),
    output:
        queries=f"{results}/{{dataset}}/retrieval/{{model}}/seed{{seed}}/{{anonymized}}.parquet",
        summary=f"{results}/{{dataset}}/retrieval/{{model}}/seed{{seed}}/{{anonymized}}.json",
    log:
        f"{logs}/retrieve/{{dataset}}/{{model}}-seed{{seed}}/{{anonymized}}.log",
    benchmark:
        f"{benchmarks}/retrieve/{{dataset}}/{{model}}-seed{{seed}}/{{anonymized}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda w: estimates.retrieval_mb(w.dataset),
        runtime=lambda w: estimates.minutes("retrieve", w.dataset),
    params:
        slice=slices.retrieve(settings),
    script:
        "../scripts/retrieve.py"


rule downstream:
    input:
        manifest=rules.manifest.output.manifest,
        train=embedding("{dataset}", "{model}", "{seed}", "{anonymized}", "train"),
        val=embedding("{dataset}", "{model}", "{seed}", "{anonymized}", "val"),
    output:
        predictions=f"{results}/{{dataset}}/downstream/{{model}}/seed{{seed}}/{{anonymized}}.parquet",
        summary=f"{results}/{{dataset}}/downstream/{{model}}/seed{{seed}}/{{anonymized}}.json",
    log:
        f"{logs}/downstream/{{dataset}}/{{model}}-seed{{seed}}/{{anonymized}}.log",
    benchmark:
        f"{benchmarks}/downstream/{{dataset}}/{{model}}-seed{{seed}}/{{anonymized}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda w: estimates.downstream_mb(w.dataset),
        runtime=lambda w: estimates.minutes("downstream", w.dataset),
    params:
        slice=lambda w: slices.downstream(settings, w.dataset),
    script:
        "../scripts/downstream.py"


rule scores:
    input:
        retrieval=lambda w: scenario_files(w.dataset, "retrieval", "json"),
        queries=lambda w: scenario_files(w.dataset, "retrieval", "parquet"),
        downstream=downstream_files,
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
        mem_mb=4000,
        runtime=20,
    params:
        slice=slices.scores(settings),
        scenarios=lambda w: [
            (str(scenario.model), seed, str(scenario.variant))
            for scenario in experiment.scenarios(w.dataset)
            for seed in settings.training_seeds
        ],
    script:
        "../scripts/scores.py"


rule correlate:
    input:
        rules.scores.output,
    output:
        matrix=f"{results}/{{dataset}}/correlation/{{degree}}.csv",
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
        slice=slices.correlate(settings),
    script:
        "../scripts/correlate.py"
