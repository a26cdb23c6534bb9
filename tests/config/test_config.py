"""The config model: defaults, refusals, and the files written from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from anonbench.config import Config, Policy, load, load_policy
from anonbench.config.default_files import POLICY, defaults_text, policy_text
from anonbench.config.training import Recipe
from anonbench.core.errors import InputError

DATASET: dict[str, Any] = {"layout": "folder", "path": "images", "detectors": ["mtcnn"]}


def test_the_policy_file_is_the_default_policy(root: Path) -> None:
    assert (root / POLICY).read_text(encoding="utf-8") == policy_text()
    assert load_policy(yaml.safe_load(policy_text())) == Policy()


def leaves(value: Any, path: str = "") -> set[str]:
    if not isinstance(value, dict) or not value:
        return {path}
    return {leaf for name, inner in value.items() for leaf in leaves(inner, f"{path}.{name}")}


def test_the_default_file_has_every_setting_with_its_default() -> None:
    defaults = yaml.safe_load(defaults_text())
    example = load({"datasets": {"my_images": DATASET | {"path": "data/my_images"}}})
    assert load(defaults) == example
    assert leaves(defaults) == leaves(example.model_dump(mode="json"))


@pytest.mark.parametrize(
    "name", ["config.yaml", "config/paper.yaml", "config/own_data.yaml", "config/sweep.yaml"]
)
def test_the_configs_that_come_along_are_right(root: Path, name: str) -> None:
    assert isinstance(load(yaml.safe_load((root / name).read_text(encoding="utf-8"))), Config)


def test_two_data_sets_cannot_have_the_same_tables() -> None:
    datasets = {name: DATASET | {"paper_role": "celeba"} for name in ("one", "two")}
    with pytest.raises(InputError, match=r"datasets\.two\.paper_role: one already has"):
        load({"datasets": datasets})
    datasets["one"] = datasets["one"] | {"enabled": False}
    assert list(load({"datasets": datasets}).enabled) == ["two"]


def test_the_long_preset_is_complete() -> None:
    """DINOv2's long setting: ViT-L/14 with SwiGLU, whose patches divide its crops."""
    long = Recipe.model_validate({"preset": "long"})
    backbone, crops = long.backbone, long.crops
    sizes = (backbone.width, backbone.depth, backbone.heads, backbone.patch, backbone.ffn)
    assert sizes == (1024, 24, 16, 14, "swiglu")
    assert (crops.global_size, crops.local_size) == (224, 98)
    heads = long.heads
    assert (heads.prototypes, heads.bottleneck, heads.shared) == (131_072, 384, False)
    assert (long.optimizer.batch_size, long.heads.centering) == (3072, "sinkhorn")
