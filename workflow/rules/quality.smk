# How well detection works, where the truth is known, and which images a person should look at.

from anonbench.config.experiment import truth_of

for _name, _dataset in experiment.datasets.items():
    _folder = f"<results>/{_name}/quality"
    _measured = {
        "regions": "regions.parquet",
        "images": "images.parquet",
        "summary": "summary.csv",
        "visible_area": "visible_area.csv",
        "markdown": "summary.md",
    }

    rule:
        name:
            f"quality_{_name}"
        input:
            **by_digest(
                manifest=f"{results}/{_name}/manifest.parquet",
                boxes=f"{results}/{_name}/boxes.parquet",
                images=paths.detected(_name, "images"),
                clusters=f"{results}/{_name}/clusters.parquet",
            ),
            # a demo's is made together with its images
            truth=paths.annotations(_name, "truth") or on_disk(started.demo_marker(_name)),
        output:
            **(
                {each: f"{_folder}/{file}" for each, file in _measured.items()}
                if _name in paths.measured()
                else {}
            ),
            uncertain=f"{_folder}/least_certain.csv",
        log:
            f"<logs>/quality/{_name}.log",
        benchmark:
            f"<benchmarks>/quality/{_name}.tsv"
        conda:
            "../../envs/anonbench.yaml"
        resources:
            mem_mb=growing(4000),
            runtime=growing(60),
        params:
            code=code_of("quality"),
            dataset=_name,
            shown=presentation("bootstrap", "confidence"),
            hidden=stage_parameters.hidden_shape(settings, _name),
            drawn_truth=str(truth_of(_dataset) if _dataset.demo and not _dataset.truth else ""),
            listed=settings.detection_quality.listed,
        script:
            "../scripts/quality.py"
