"""Parameters of jobs: an edit of the config changes those that it concerns, and no other."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from anonbench.config import Config, DataSource, load, stage_parameters


def parameters(config: Config) -> dict[str, Any]:
    name = "documents"
    recipe = config.recipe_of(name)
    return {
        "source": stage_parameters.source(config, name),
        "clusters": stage_parameters.clusters(config, name),
        "detection": stage_parameters.detection(config, name),
        "shape": stage_parameters.hidden_shape(config, name),
        "blur": stage_parameters.hiding(config, "blur"),
        "mask": stage_parameters.hiding(config, "mask"),
        "recipe": recipe.effective(),
        "untrained": stage_parameters.untrained(config, name),
        "embedding": config.embedding.effective(),
        "retrieval": config.retrieval.effective(),
        "privacy": stage_parameters.privacy(config),
    }


def edit(values: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    edited = deepcopy(values)
    *parents, last = path.split(".")
    section = edited
    for parent in parents:
        section = section.setdefault(parent, {})
    section[last] = value
    return edited


@pytest.mark.parametrize(
    ("path", "value", "concerned"),
    [
        ("retrieval.fraction", 0.1, {"retrieval"}),
        ("retrieval.block", 64, set()),
        ("retrieval.near_duplicates", [4], set()),
        ("retrieval.queries", 100, {"retrieval"}),
        ("embedding.workers", 3, set()),
        ("anonymization.blur.sigma.text", 0.7, {"blur"}),
        ("anonymization.mask.colour", [255, 255, 255], {"mask"}),
        ("anonymization.margin", 1.3, {"blur", "mask", "shape"}),
        ("anonymization.format", "jpeg", {"blur", "mask"}),
        ("detection.ppocr.thresh", 0.4, {"detection"}),
        ("detection.mtcnn.min_face_size", 30, set()),
        ("detection.device", "auto", set()),
        ("detection.speed", "quick", {"detection"}),
        ("recipes.documents.optimizer.steps", 7, {"recipe"}),
        ("recipes.documents.backbone.width", 192, {"recipe", "untrained"}),
        ("recipes.documents.crops.normalize", "imagenet", {"recipe", "untrained"}),
        ("recipes.documents.workers", 7, set()),
        ("datasets.documents.degrees", [25, 50, 100], {"shape"}),
        ("datasets.documents.split", {"validation": 0.5}, {"source"}),
        ("datasets.documents.split", {"by": "class"}, {"source", "clusters"}),
        ("datasets.documents.cluster", "class", {"clusters"}),
        ("datasets.documents.cluster", {"path_part": -1}, {"clusters"}),
        ("privacy.identity", "person", {"privacy", "clusters"}),
        ("privacy.probes", 10, {"privacy"}),
    ],
)
def test_edit_changes_parameters(root: Path, path: str, value: Any, concerned: set[str]) -> None:
    values = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    before, after = parameters(load(values)), parameters(load(edit(values, path, value)))
    assert {stage for stage in before if before[stage] != after[stage]} == concerned


def test_parameters_of_a_source_are_a_source_again(root: Path) -> None:
    config = load(yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8")))
    for name, dataset in config.datasets.items():
        source = DataSource.model_validate(stage_parameters.source(config, name))
        assert source.model_dump() == dataset.model_dump(include=set(DataSource.model_fields))


def test_what_has_no_effect_reaches_the_job_all_the_same(root: Path) -> None:
    values = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    for path, value in {
        "recipes.documents.workers": 7,
        "recipes.documents.checkpoint_minutes": 7.0,
        "embedding.workers": 3,
        "retrieval.block": 64,
        "retrieval.shards": 3,
        "retrieval.memory_gb": 1.0,
    }.items():
        values = edit(values, path, value)
    config = load(values)
    for settings in (config.recipes["documents"], config.embedding, config.retrieval):
        assert settings.completing(settings.effective()) == settings
    plain = load(yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8")))
    assert parameters(config) == parameters(plain)


def hiding(name: str, **anonymization: Any) -> Any:
    data = {"layout": "folder", "path": "images", "detectors": ["zxing"], "methods": [name]}
    config = load({"datasets": {"mine": data}, "anonymization": anonymization})
    return stage_parameters.hiding(config, name)


def test_a_job_depends_on_the_methods_that_its_own_stands_for() -> None:
    own = {"format", "margin", "coding_blocks"}
    assert set(hiding("mask")["settings"]) == {*own, "mask"}
    combined = {"layers": {"methods": ["blur", "mask"]}, "by_entity": {"face": "layers"}}
    layers = {*own, "layers", "blur", "mask"}
    assert set(hiding("layers", **combined)["settings"]) == layers
    assert set(hiding("by_entity", **combined)["settings"]) == {*layers, "by_entity"}
    # a shape counts where it is not the usual one
    assert hiding("mask", shape={"face": "box"}) == hiding("mask")
    assert hiding("mask", shape={"face": "ellipse"})["settings"]["shape"]["face"] == "ellipse"


def test_a_job_depends_on_the_content_of_its_key(tmp_path: Path) -> None:
    key = tmp_path / "my.key"
    seen = [hiding("noise", noise={"key_file": str(key)})["files"]]
    for content in (b"a" * 32, b"b" * 32):
        key.write_bytes(content)
        seen.append(hiding("noise", noise={"key_file": str(key)})["files"])
    assert seen[0] == {str(key): None}
    assert len({str(each) for each in seen}) == 3
    assert not any(text in str(seen) for text in ("aaaa", "bbbb"))
