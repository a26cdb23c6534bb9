"""The config model: defaults, refusals, and the files written from it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.utils import update_config

from anonbench.config import Config, Policy, load, load_policy
from anonbench.config.file.document import (
    DEFAULTS,
    EXPERT_DEFAULTS,
    POLICY,
    SCHEMA,
    defaults_text,
    policy_text,
    schema_text,
)
from anonbench.config.training import Recipe
from anonbench.core.errors import InputError

DATASET: dict[str, Any] = {"layout": "folder", "path": "images", "detectors": ["mtcnn"]}


def with_dataset(**changes: Any) -> dict[str, Any]:
    return {"datasets": {"mine": DATASET | changes}}


def test_the_schema_is_the_models(root: Path) -> None:
    assert (root / SCHEMA).read_text(encoding="utf-8") == schema_text()


@pytest.mark.parametrize(("path", "common"), [(DEFAULTS, True), (EXPERT_DEFAULTS, False)])
def test_the_default_files_are_the_models(root: Path, path: Path, common: bool) -> None:
    assert (root / path).read_text(encoding="utf-8") == defaults_text(common)


def test_the_policy_file_is_the_default_policy(root: Path) -> None:
    assert (root / POLICY).read_text(encoding="utf-8") == policy_text()
    assert load_policy(yaml.safe_load(policy_text())) == Policy()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"privacy": {}}, "there is no section `policy`"),
        ({"policy": {"degre": 50}}, "policy.degre: unknown key; did you mean degree?"),
        ({"policy": {"attacks": {"linkage": 2}}}, "policy.attacks.linkage: "),
    ],
)
def test_a_policy_file_that_is_wrong_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        load_policy(values)


def leaves(value: Any, path: str = "") -> set[str]:
    if not isinstance(value, dict) or not value:
        return {path}
    return {leaf for name, inner in value.items() for leaf in leaves(inner, f"{path}.{name}")}


def test_the_default_files_have_every_setting_once_with_its_default() -> None:
    common, expert = (yaml.safe_load(defaults_text(each)) for each in (True, False))
    assert not leaves(common) & leaves(expert)
    example = load({"datasets": {"my_images": DATASET | {"path": "data/my_images"}}})
    assert load(common) == example
    update_config(common, expert)  # as a second `--configfile`
    assert load(common) == example
    assert leaves(common) == leaves(example.model_dump(mode="json"))


@pytest.mark.parametrize(
    "name", ["config.yaml", "config/paper.yaml", "config/own_data.yaml", "config/sweep.yaml"]
)
def test_the_configs_that_come_along_are_right(root: Path, name: str) -> None:
    assert isinstance(load(yaml.safe_load((root / name).read_text(encoding="utf-8"))), Config)


@pytest.mark.parametrize(
    ("values", "where", "what"),
    [
        (with_dataset(degres=[50]), "datasets.mine.degres", "unknown key; did you mean degrees?"),
        (
            {"detection": {"ppocr": {"engine": "openvino"}}},
            "detection.ppocr.engine",
            "is gone: the network runs by ONNX Runtime; remove it",
        ),
        (
            with_dataset(unmatched="record"),
            "datasets.mine.unmatched",
            "is gone: rows that match no image are refused; remove it",
        ),
        (
            {"recipes": {"mine": {"optimizer": {"clip": 1.0}}}},
            "recipes.mine.optimizer.clip",
            "is gone: its former default is always used; remove it",
        ),
        (
            with_dataset(system="s", adaptions=[["D"]]),
            "datasets.mine",
            "system and adaptions",
        ),
        (
            with_dataset(system="s", adaptions=5),
            "datasets.mine",
            "system and adaptions",
        ),
        (
            with_dataset(split={"validatoin": 0.2}),
            "datasets.mine.split.validatoin",
            "did you mean validation?",
        ),
        (
            with_dataset() | {"recipes": {"r": {"optimizer": {"step": 3}}}},
            "recipes.r.optimizer.step",
            "did you mean steps?",
        ),
        (
            with_dataset() | {"recipes": {"r": {"steps": 3}}},
            "recipes.r.steps",
            "did you mean recipes.<name>.optimizer.steps",
        ),
        (
            with_dataset() | {"recipes": {"r": {"optimizer": {"steps": 0}}}},
            "recipes.r.optimizer.steps",
            "name a `system`",
        ),
        (with_dataset() | {"dataset": {}}, "dataset", "did you mean datasets?"),
        (with_dataset() | {"xyzzy": 1}, "xyzzy", "see config/defaults.yaml"),
        (with_dataset(degrees=[0]), "datasets.mine.degrees.0", "greater than or equal to 1"),
        (with_dataset(degrees=[150]), "datasets.mine.degrees.0", "less than or equal to 100"),
        (with_dataset(degrees=[50, 50]), "datasets.mine", "names something twice"),
        (
            with_dataset(methods=["twirl"]),
            "datasets.mine.methods.0",
            "there are pixelate, blur, mask, ",
        ),
        (with_dataset(detectors=[]), "datasets.mine.detectors", "at least 1"),
        (with_dataset(recipe="big"), "datasets.mine.recipe", "no recipe is called 'big'"),
        (with_dataset(split={"validation": 1.5}), "datasets.mine.split", "less than or equal to 1"),
        (with_dataset(enabled=False), "datasets", "none is enabled"),
        ({"datasets": {"My Images": DATASET}}, "datasets.My Images", "match pattern"),
        ({"datasets": {}}, "datasets", "at least 1"),
        ({}, "datasets", "required"),
        (with_dataset() | {"retrieval": {"fraction": 2}}, "retrieval.fraction", "less than"),
        (
            with_dataset() | {"recipes": {"default": {"backbone": {"width": 65}}}},
            "recipes.default.backbone",
            "not a multiple of heads",
        ),
        (
            with_dataset() | {"recipes": {"default": {"crops": {"local_size": 97}}}},
            "recipes.default",
            "not a multiple of backbone.patch",
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_path(
    values: dict[str, Any], where: str, what: str
) -> None:
    with pytest.raises(InputError) as caught:
        load(values)
    line = next(line for line in str(caught.value).splitlines() if what in line)
    assert where in line


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
    assert (long.heads.prototypes, long.heads.bottleneck, long.heads.shared) == (
        131_072,
        384,
        False,
    )
    assert (long.optimizer.batch_size, long.heads.centering) == (3072, "sinkhorn")
