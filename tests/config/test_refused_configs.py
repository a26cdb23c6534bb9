"""Wrong settings: each is refused with its place, what is wrong, and what to write instead."""

from __future__ import annotations

from typing import Any

import pytest

from anonbench.config import Config, load
from anonbench.core.errors import InputError

DATASET: dict[str, Any] = {"layout": "folder", "path": "images", "detectors": ["mtcnn"]}
FINE = {"anonymization.strengths.pixelate.fine": {"blocks": {"face": 24}}}
OTHER = {"anonymization.strengths.blur.light": {"sigma": {"face": 0.04}}}
ROUND = {"anonymization.layers.methods": ["by_entity"], "anonymization.by_entity.face": "layers"}
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


VALUES: list[tuple[str, Any, str]] = [
    ("datasets", {}, "datasets: Dictionary should have at least 1 item"),
    ("datasets.My Images", DATASET, "datasets.My Images: String should match pattern"),
    ("datasets.mine.boxes", "", "datasets.mine: the detector boxes and the setting boxes need"),
    ("datasets.mine.degrees", [50, 50], "datasets.mine: degrees names something twice: 50, 50"),
    ("datasets.mine.degres", [50], "datasets.mine.degres: unknown key; did you mean datasets."),
    ("datasets.mine.demo", {"kind": "x"}, "expected tags: 'portraits', 'documents', 'ids'"),
    ("datasets.mine.enabled", False, "datasets: none is enabled"),
    ("datasets.mine.methods", ["redrawn_mask", "mask"], "methods.0: no method is called so"),
    ("datasets.mine.methods", ["twirl"], "no method is called so; there are pixelate, blur, "),
    ("datasets.mine.methods", ["blurr"], "did you mean blur?"),
    ("datasets.mine.path", "x" * 300, "datasets.mine.path: is no path: a name in it is longer"),
    ("datasets.mine.recipe", "big", "datasets.mine.recipe: no recipe is called 'big'; there"),
    ("datasets.mine.redrawn", ["mask", "mask"], "redrawn names something twice: mask, mask"),
    ("datasets.mine.redrawn", ["noise"], "noise is none of the data set's methods; add it to"),
    ("datasets.mine.split", {"validation": 1.0}, "1.0 leaves no image to train on; choose a"),
    ("detection.ppocr.engine", "openvino", "detection.ppocr.engine: unknown key; config/def"),
    ("seed", True, "seed is true or false (yes, no, on, off), which it cannot be"),
    ("systems.s", {}, "systems.s: needs a `kind` (docs/reference/settings-expert.md lists"),
    ("systems.s", {"kind": "tim"}, "systems.s: Input tag 'tim' found using 'kind' does not"),
    ("xyzzy", 1, "xyzzy: unknown key; config/defaults.yaml has all, CHANGELOG.md those"),
    ("recipes.default.backbone.width", 65, "backbone: width 65 is not a multiple of heads 2"),
    (
        "recipes.default.backbone.name",
        "vit_small_patch14_dinov2",
        "local_size 96 is not a multiple of the patch of vit_small_patch14_dinov2, 14",
    ),
    ("recipes.default.crops.local_count", 0, "adaption A anonymizes local crops alone; leave"),
    ("recipes.default.crops.local_size", 97, "97 is not a multiple of backbone.patch 8"),
    ("recipes.default.optimizer.steps", 0, "for a model as it is, name a `system` in the data"),
    ("recipes.default.steps", 3, "steps: unknown key; did you mean recipes.<name>.optimizer.s"),
    ("redrawing.width", 6, "unknown key; did you mean recipes.<name>.backbone.width? Removed"),
    ("anonymization.by_entity.mrz", "none", "by_entity: no method is called 'none'; there are"),
    ("anonymization.layers.methods", ["blurr"], "layers: no method is called 'blurr'; there"),
    ("anonymization.layers.methods", ["mask", "layers"], "layers: layers would apply itself"),
    ("anonymization.strengths.layers.a", {"methods": ["layers_a"]}, "a would apply itself"),
    ("anonymization.strengths.pixelate.Fine", {}, "Fine: String should match pattern"),
]
EXCLUDING: list[tuple[dict[str, Any], str]] = [
    (
        {"datasets.mine.system": "s", "datasets.mine.adaptions": [["D"]]},
        "datasets.mine: system and adaptions: a system is measured as it is",
    ),
    (
        {"recipes.default.preset": "long", "recipes.default.crops.local_size": 96},
        "local_size 96 is not a multiple of backbone.patch 14: set it to 84 or 98",
    ),
    (REDRAWN | {"datasets.mine.system": "s"}, "redrawn: regions are drawn for an unadapted"),
    (REDRAWN | {"datasets.mine.degrees": [50]}, "add 100 to `degrees`"),
    (REDRAWN | {"anonymization.format": "jpeg"}, "regions; set anonymization.format: png"),
    (ROUND, "would apply itself"),
    (
        FINE | OTHER | {"datasets.mine.methods": ["pixelate_find"]},
        "datasets.mine.methods: no strength is called 'pixelate_find'; there are "
        "pixelate_fine, blur_light. `anonymization.strengths.pixelate` makes them",
    ),
    (
        FINE | {"anonymization.layers.methods": ["pixelate_fine", "pixelate_find"]},
        "layers: no method is called 'pixelate_find'; there are",
    ),
]


@pytest.mark.parametrize(
    ("edits", "said"), [*(({path: value}, said) for path, value, said in VALUES), *EXCLUDING]
)
def test_what_is_wrong_is_named_with_its_place(edits: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        edited(edits)
    (line,) = str(caught.value).splitlines()[1:]
    assert said in line
