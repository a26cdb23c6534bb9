# Targets by the paper's numbers (table_V, figure_7) and by data set and stage (celeba_boxes).

import sys

for _target, _reason in experiment.unavailable_targets().items():
    if _target in sys.argv[1:]:
        raise WorkflowError(f"{_target} cannot be made with this config: {_reason}.")


def _paper_files(target, stem):
    if target.startswith("table_"):
        return expand(f"{results}/tables/{stem}.{{suffix}}", suffix=TABLE_SUFFIXES)
    return expand(f"{results}/figures/{stem}.{{suffix}}", suffix=FIGURE_SUFFIXES)


for _target, _stem in experiment.paper_targets().items():

    rule:
        name:
            _target
        input:
            _paper_files(_target, _stem),


def _stage_files(dataset):
    variants = ["original", *map(str, experiment.variants(dataset))]
    return {
        "manifest": [f"{results}/{dataset}/manifest.parquet"],
        "boxes": [f"{results}/{dataset}/boxes.parquet"],
        "images": [
            path
            for variant in variants
            for split in ("train", "val")
            for path in image_set(dataset, variant, split)
        ],
        "models": [
            f"{results}/{dataset}/models/{model}/seed{seed}/backbone.safetensors"
            for model in experiment.models(dataset)
            for seed in settings.training_seeds
        ],
        "embeddings": [
            embedding(dataset, scenario.model, seed, variant, "val")
            for scenario in experiment.scenarios(dataset)
            for seed in settings.training_seeds
            for variant in ("original", scenario.variant)
        ],
        "scores": [f"{results}/{dataset}/scores.csv"],
        "tables": table_files(dataset),
        "figures": figure_files(dataset),
    }


for _name in experiment.datasets:
    for _stage, _files in _stage_files(_name).items():

        rule:
            name:
                f"{_name}_{_stage}"
            input:
                _files,
