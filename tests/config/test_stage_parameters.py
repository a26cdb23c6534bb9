"""What each stage reads of the config: an edit reaches the stages it concerns, and no other."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from anonbench.config import Config, DataSource, load, stage_parameters


def all_slices(config: Config) -> dict[str, Any]:
    name = "documents"
    return {
        "manifest": stage_parameters.manifest(config, name),
        "clusters": stage_parameters.clusters(config, name),
        "detect": stage_parameters.detect(config, name),
        "quality": stage_parameters.quality(config, "documents"),
        "blur": stage_parameters.anonymize(config, name, "blur-25"),
        "mask": stage_parameters.anonymize(config, name, "mask-25"),
        "hiding": stage_parameters.hiding(config, name),
        "train": stage_parameters.train(config, name),
        "untrained": stage_parameters.untrained(config, name),
        "embed": stage_parameters.embed(config),
        "pixels": stage_parameters.embed_pixels(config, name),
        "retrieve": stage_parameters.retrieve(config),
        "downstream": stage_parameters.downstream(config, name),
        "privacy": stage_parameters.privacy(config),
        "scores": stage_parameters.scores(config),
        "comparisons": stage_parameters.comparisons(config),
        "effects": stage_parameters.effects(config),
        "figure": stage_parameters.show(config, "dpi"),
    }


def edit(values: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    edited = deepcopy(values)
    *parents, last = path.split(".")
    section = edited
    for parent in parents:
        section = section.setdefault(parent, {})
    section[last] = value
    return edited


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "value", "concerned"),
    [
        ("title", "another", set()),
        ("results", "elsewhere", set()),
        ("presentation.dpi", 300, {"figure"}),
        ("presentation.bootstrap", 10, {"effects", "quality"}),
        ("presentation.confidence", 0.9, {"scores", "quality", "comparisons", "effects"}),
        ("presentation.equivalence_margin", 0.05, {"comparisons", "effects"}),
        ("presentation.stated_difference", 0.05, {"effects"}),
        ("downstream.k", 10, {"downstream"}),
        ("retrieval.fraction", 0.1, {"retrieve"}),
        ("retrieval.block", 64, set()),
        ("retrieval.shards", 3, set()),
        ("retrieval.memory_gb", 1.0, set()),
        ("retrieval.near_duplicates", [4], set()),
        ("retrieval.queries", 100, {"retrieve"}),
        ("embedding.workers", 3, set()),
        ("anonymization.blur.sigma.text", 0.7, {"blur", "hiding"}),
        ("anonymization.mask.colour", [255, 255, 255], {"mask", "hiding"}),
        ("anonymization.margin", 1.3, {"blur", "mask", "hiding", "quality"}),
        ("anonymization.format", "jpeg", {"blur", "mask", "hiding"}),
        ("detection.ppocr.thresh", 0.4, {"detect"}),
        ("detection.mtcnn.min_face_size", 30, set()),
        ("detection.device", "auto", set()),
        ("detection.threads", 2, set()),
        ("detection.speed", "quick", {"detect"}),
        ("datasets.documents.keep_failed", True, {"detect"}),
        ("datasets.documents.corrections", "corrections.csv", set()),
        ("recipes.documents.optimizer.steps", 7, {"train"}),
        ("recipes.documents.backbone.width", 192, {"train", "untrained"}),
        ("recipes.documents.crops.normalize", "imagenet", {"train", "untrained"}),
        ("recipes.documents.resize", "crop", {"train", "untrained", "pixels"}),
        ("recipes.documents.workers", 7, set()),
        ("recipes.documents.gpus", 2, set()),
        ("recipes.documents.checkpoint_minutes", 7, set()),
        ("datasets.documents.degrees", [25, 50, 100], {"quality"}),
        ("datasets.documents.split", {"validation": 0.5}, {"manifest"}),
        ("datasets.documents.split", {"by": "class"}, {"manifest", "clusters"}),
        ("datasets.documents.cluster", "class", {"clusters"}),
        ("datasets.documents.cluster", {"path_part": -1}, {"clusters"}),
        ("privacy.identity", "person", {"privacy", "clusters"}),
        ("datasets.ids.subset", 100, set()),
        ("privacy.enabled", False, set()),
        ("privacy.probes", 10, {"privacy"}),
        ("privacy.gallery", 100, {"privacy"}),
        ("privacy.recognizer", "face.onnx", {"privacy"}),
        ("detection_quality.listed", 5, set()),
    ],
)
def test_an_edit_reaches_the_stages_that_it_concerns(
    root: Path, path: str, value: Any, concerned: set[str]
) -> None:
    values = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    before, after = all_slices(load(values)), all_slices(load(edit(values, path, value)))
    assert {stage for stage in before if before[stage] != after[stage]} == concerned


def test_a_manifest_slice_is_a_source_again(root: Path) -> None:
    config = load(yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8")))
    for name, dataset in config.datasets.items():
        source = DataSource.model_validate(stage_parameters.manifest(config, name)["source"])
        assert source.model_dump() == dataset.model_dump(include=set(DataSource.model_fields))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("recipes.documents.workers", 7),
        ("recipes.documents.checkpoint_minutes", 7.0),
        ("embedding.workers", 3),
        ("retrieval.block", 64),
        ("retrieval.shards", 3),
        ("retrieval.memory_gb", 1.0),
    ],
)
def test_what_has_no_effect_reaches_the_job_all_the_same(root: Path, path: str, value: Any) -> None:
    values = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    config = load(edit(values, path, value))
    recipe = config.recipes["documents"]
    assert recipe.completing(stage_parameters.train(config, "documents")["recipe"]) == recipe
    for part, settings in (
        (stage_parameters.embed(config), config.embedding),
        (stage_parameters.retrieve(config), config.retrieval),
    ):
        assert settings.completing(part["settings"]) == settings
