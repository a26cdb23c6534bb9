# Scores: one tidy table a data set, and effects.


rule scores:
    input:
        **by_digest(clusters="<results>/{dataset}/clusters.parquet"),
        retrieval=lambda w: paths.scenario_files(w.dataset, "retrieval", "json"),
        queries=lambda w: paths.scenario_files(w.dataset, "retrieval", "parquet"),
        downstream=lambda w: paths.scenario_files(w.dataset, "downstream", "json"),
        predictions=lambda w: paths.scenario_files(w.dataset, "downstream", "parquet"),
        enough=[] if settings.bundle else "<results>/{dataset}/enough.txt",
    output:
        scores="<results>/{dataset}/scores.csv",
        models="<results>/{dataset}/comparisons.csv",
        methods="<results>/{dataset}/method_comparisons.csv",
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
        tests=presentation("confidence", "equivalence_margin"),
        reference_seed=experiment.reference_seed,
        control_seeds=settings.control_seeds,
        scenarios=lambda w: as_text(experiment.scenarios(w.dataset)),
    script:
        "../scripts/scores.py"


# The best choice and, where models are trained, effects of anonymization and components of variance.
for _name in experiment.datasets:
    _models = () if experiment.is_frozen(_name) else ("effects", "variance")

    rule:
        name:
            f"effects_{_name}"
        input:
            **by_digest(clusters=f"{results}/{_name}/clusters.parquet"),
            retrieval=paths.scenario_files(_name, "retrieval", "json"),
            queries=paths.scenario_files(_name, "retrieval", "parquet"),
            downstream=paths.scenario_files(_name, "downstream", "json"),
            predictions=paths.scenario_files(_name, "downstream", "parquet"),
            own=[
                f"{results}/{_name}/retrieval/{run.path}.parquet"
                for run in experiment.trained_scenarios(_name)
            ],
            second=[
                f"{results}/{_name}/retrieval/second/seed{seed}.parquet"
                for seed in experiment.second_references(_name)
            ],
        output:
            **{each: f"<results>/{_name}/{each}.csv" for each in _models},
            best=f"<results>/{_name}/best.csv",
        log:
            f"<logs>/effects/{_name}.log",
        benchmark:
            f"<benchmarks>/effects/{_name}.tsv"
        conda:
            "../../envs/anonbench.yaml"
        resources:
            mem_mb=growing(2000),
            runtime=growing(60),
        params:
            code=code_of("effects"),
            tests=presentation("bootstrap", "confidence", "equivalence_margin", "stated_difference"),
            dataset=_name,
            reference_seed=experiment.reference_seed,
            control_seeds=settings.control_seeds,
            references=[experiment.reference_seed, *experiment.second_references(_name)],
            scenarios=as_text(experiment.scenarios(_name)),
            trained=as_text(experiment.trained_scenarios(_name)),
        script:
            "../scripts/effects.py"
