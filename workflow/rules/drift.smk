# Drift: a data set compared with the one that it names (`drift_from`), from what the stages made.
# Where that one's models are trained, they embed both.

for _name, _reference in experiment.drifts().items():

    rule:
        name:
            f"drift_{_name}"
        input:
            **by_digest(
                manifest=paths.dataset_files("{dataset}/manifest.parquet", [_reference, _name]),
                clusters=paths.dataset_files("{dataset}/clusters.parquet", [_reference, _name]),
                boxes=paths.dataset_files("{dataset}/boxes.parquet", [_reference, _name]),
                embeddings_reference=paths.drift_embeddings(_reference, _name, _reference),
                embeddings_batch=paths.drift_embeddings(_reference, _name, _name),
            ),
            outcomes_reference=paths.detected(_reference, "images", ["val"]),
            outcomes_batch=paths.detected(_name, "images", ["val"]),
            scores_reference=paths.drift_scores(_reference, _name, _reference),
            scores_batch=paths.drift_scores(_reference, _name, _name),
        output:
            f"<results>/{_name}/drift.csv",
        log:
            f"<logs>/drift/drift_{_name}.log",
        benchmark:
            f"<benchmarks>/drift/drift_{_name}.tsv"
        conda:
            "../../envs/anonbench.yaml"
        resources:
            mem_mb=growing(2000),
            runtime=growing(20),
        params:
            code=code_of("drift"),
            slice=stage_parameters.comparisons(settings),
            datasets=[_reference, _name],
            models=[str(m) for m, _ in experiment.drift_models(_reference, _name)],
            variants=[str(v) for v in experiment.drift_variants(_reference, _name)],
        script:
            "../scripts/drift.py"
