"""Wrong settings: each is refused with its place, what is wrong, and what to write instead."""

from __future__ import annotations

from typing import Any

import pytest

from anonbench.config import Config, load
from anonbench.core.errors import InputError

DATASET: dict[str, Any] = {"layout": "folder", "path": "images", "detectors": ["mtcnn"]}
FINE = {"anonymization.strengths.pixelate.fine": {"blocks": {"face": 24}}}
OTHER = {"anonymization.strengths.blur.light": {"sigma": {"face": 0.04}}}
REDRAWN = {"datasets.mine.redrawn": ["mask"]}


def edited(edits: dict[str, Any]) -> Config:
    """Load a small config with changed settings, by their paths."""
    values: dict[str, Any] = {"datasets": {"mine": dict(DATASET)}}
    for path, value in edits.items():
        *parents, last = path.split(".")
        section = values
        for parent in parents:
            section = section.setdefault(parent, {})
        section[last] = value
    return load(values)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("datasets", {}, "datasets: Dictionary should have at least 1 item"),
        ("datasets.My Images", DATASET, "datasets.My Images: String should match pattern"),
        ("datasets.mine.boxes", "", "datasets.mine: the detector boxes and the setting boxes need"),
        ("datasets.mine.degrees", [0], "datasets.mine.degrees.0: Input should be greater than or"),
        ("datasets.mine.degrees", [150], "datasets.mine.degrees.0: Input should be less than or"),
        ("datasets.mine.degrees", [50, 50], "datasets.mine: degrees names something twice: 50, 50"),
        ("datasets.mine.degres", [50], "datasets.mine.degres: unknown key; did you mean datasets."),
        ("datasets.mine.demo", {"kind": "x"}, "expected tags: 'portraits', 'documents', 'ids'"),
        ("datasets.mine.detectors", [], "datasets.mine.detectors: Tuple should have at least 1"),
        ("datasets.mine.enabled", False, "datasets: none is enabled"),
        ("datasets.mine.methods", ["given_deface"], "mine.methods.0: no method is called so"),
        ("datasets.mine.methods", ["pixel"], "datasets.mine.methods.0: no method is called so"),
        ("datasets.mine.methods", ["redrawn_mask", "mask"], "methods.0: no method is called so"),
        ("datasets.mine.methods", ["twirl"], "no method is called so; there are pixelate, blur, "),
        ("datasets.mine.path", "x" * 300, "datasets.mine.path: is no path: a name in it is longer"),
        ("datasets.mine.recipe", "big", "datasets.mine.recipe: no recipe is called 'big'; there"),
        ("datasets.mine.redrawn", ["given_deface"], "mine.redrawn.0: no method is called so"),
        ("datasets.mine.redrawn", ["mask", "mask"], "redrawn names something twice: mask, mask"),
        ("datasets.mine.redrawn", ["noise"], "noise is none of the data set's methods; add it to"),
        ("datasets.mine.redrawn", ["redrawn_mask"], "mine.redrawn.0: no method is called so"),
        ("datasets.mine.split", {"validatoin": 0.2}, "split.validatoin: unknown key; did you mean"),
        ("datasets.mine.split", {"validation": 1.0}, "1.0 leaves no image to train on; choose a"),
        ("datasets.mine.split", {"validation": 1.5}, "split.validation: Input should be less than"),
        ("dataset", {}, "dataset: unknown key; did you mean datasets?"),
        ("detection.ppocr.engine", "openvino", "detection.ppocr.engine: unknown key; config/def"),
        ("retrieval.fraction", 2, "retrieval.fraction: Input should be less than or equal to 1"),
        ("retrieval.top", 10**9, "retrieval.top: Input should be less than or equal to 1000"),
        ("seed", True, "seed is true or false (yes, no, on, off), which it cannot be"),
        ("training_seeds", [True], "training_seeds is true or false (yes, no, on, off), which"),
        ("systems.s", {}, "systems.s: needs a `kind` (docs/reference/settings-expert.md lists"),
        ("systems.s", {"kind": "tim"}, "systems.s: Input tag 'tim' found using 'kind' does not"),
        ("systems.s", {"kind": "timm", "nme": "x"}, "systems.s.nme: unknown key; did you mean"),
        ("xyzzy", 1, "xyzzy: unknown key; config/defaults.yaml has all, CHANGELOG.md those"),
        # recipes
        ("recipes.default.backbone.width", 65, "backbone: width 65 is not a multiple of heads 2"),
        (
            "recipes.default.backbone.name",
            "vit_small_patch14_dinov2",
            "local_size 96 is not a multiple of the patch of vit_small_patch14_dinov2, 14",
        ),
        ("recipes.default.crops", "paper", "recipes.default.crops: Input should be a valid dict"),
        ("recipes.default.crops.local_count", 0, "adaption A anonymizes local crops alone; leave"),
        ("recipes.default.crops.local_size", 97, "97 is not a multiple of backbone.patch 8"),
        ("recipes.default.crops.preset", [1], "crops.preset: Input should be 'paper' or 'dinov2'"),
        (
            "recipes.default.optimizer.step",
            3,
            "unknown key; did you mean recipes.<name>.opt",
        ),
        ("recipes.default.optimizer.steps", 0, "for a model as it is, name a `system` in the data"),
        ("recipes.default.preset", ["a"], "recipes.default.preset: Input should be 'short' or"),
        ("recipes.default.preset", {}, "recipes.default.preset: Input should be 'short' or"),
        ("recipes.default.steps", 3, "steps: unknown key; did you mean recipes.<name>.optimizer.s"),
        ("redrawing.depth", 3, "redrawing.depth: unknown key; did you mean recipes.<name>.bac"),
        ("redrawing.width", 6, "unknown key; did you mean recipes.<name>.backbone.width? Removed"),
        ("redrawing.steps", 0, "redrawing.steps: Input should be greater than or equal to 1"),
        # methods
        ("anonymization.by_entity.mrz", "none", "by_entity: no method is called 'none'; there are"),
        ("anonymization.dp_pixelate.epsilon", 0, "dp_pixelate.epsilon: Input should be greater"),
        ("anonymization.layers.methods", [], "anonymization.layers.methods: Tuple should have at"),
        ("anonymization.layers.methods", ["blurr"], "layers: no method is called 'blurr'; there"),
        ("anonymization.layers.methods", ["mask", "layers"], "layers: layers would apply itself"),
        ("anonymization.margin", float("inf"), "margin: Input should be a finite number"),
        (
            "anonymization.mask.colour",
            "pink",
            "colour: Input should be a valid tuple or Input sho",
        ),
        ("anonymization.mask.colour", [1, 2], "mask.colour.2: Field required"),
        ("anonymization.shape.face", "circle", "face: Input should be 'box', 'ellipse' or 'image'"),
        # strengths of methods
        ("anonymization.strengths.layers.a", {"methods": ["layers_a"]}, "a would apply itself"),
        ("anonymization.strengths.pixelate", 3, "strengths.pixelate: Input should be a valid dict"),
        ("anonymization.strengths.pixelate.Fine", {}, "Fine: String should match pattern"),
        ("anonymization.strengths.pixelate.a-b", {}, "a-b: String should match pattern"),
        ("anonymization.strengths.pixelate.a.blcks", {}, "blcks: unknown key; did you mean anon"),
        (
            "anonymization.strengths.pixelate.fine.blocks.face",
            0,
            "anonymization.strengths.pixelate.fine.blocks.face: Input should be greater",
        ),
        ("anonymization.strengths.twirl", {}, "anonymization.strengths.twirl: unknown key; did"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(path: str, value: Any, said: str) -> None:
    with pytest.raises(InputError) as caught:
        edited({path: value})
    (line,) = str(caught.value).splitlines()[1:]
    assert said in line


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        (
            {"datasets.mine.system": "s", "datasets.mine.adaptions": [["D"]]},
            "datasets.mine: system and adaptions: a system is measured as it is",
        ),
        (
            {"datasets.mine.system": "s", "datasets.mine.adaptions": 5},
            "datasets.mine: system and adaptions: a system is measured as it is",
        ),
        (
            {"recipes.default.preset": "long", "recipes.default.crops.local_size": 96},
            "local_size 96 is not a multiple of backbone.patch 14: set it to 84 or 98",
        ),
        (
            REDRAWN | {"datasets.mine.system": "ours"},
            "redrawn: regions are drawn for an unadapted model",
        ),
        (REDRAWN | {"datasets.mine.degrees": [50]}, "add 100 to `degrees`"),
        (
            REDRAWN | {"anonymization.format": "jpeg"},
            "datasets.mine.redrawn: a JPEG changes when it is written again, also outside of its "
            "regions; set anonymization.format: png",
        ),
        (
            {
                "anonymization.layers.methods": ["by_entity"],
                "anonymization.by_entity.face": "layers",
            },
            "would apply itself",
        ),
        (
            FINE | OTHER | {"datasets.mine.methods": ["pixelate_find"]},
            "datasets.mine.methods: no strength is called 'pixelate_find'; there are "
            "pixelate_fine, blur_light. `anonymization.strengths.pixelate` makes them",
        ),
        (
            FINE | {"datasets.mine.methods": ["pixelate_fine"] * 2},
            "datasets.mine: methods names something twice: pixelate_fine, pixelate_fine",
        ),
        (
            FINE | {"anonymization.layers.methods": ["pixelate_fine", "pixelate_find"]},
            "layers: no method is called 'pixelate_find'; there are",
        ),
    ],
)
def test_settings_that_exclude_each_other_are_told(edits: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        edited(edits)
    (line,) = str(caught.value).splitlines()[1:]
    assert said in line


def test_a_config_needs_data_sets() -> None:
    with pytest.raises(InputError, match="datasets: Field required"):
        load({})
