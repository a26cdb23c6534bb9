"""The config model: defaults, refusals of every wrong field, and files written from it."""

import copy
import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from anonbench.config import Config, Policy, load, load_policy
from anonbench.config.default_files import DEFAULTS, POLICY, documents
from anonbench.config.experiment import Experiment
from anonbench.config.file import read
from anonbench.core.errors import InputError
from anonbench.datasets.listing import count_images, list_images
from anonbench.detection.user_annotations import user_files_of
from anonbench.workflow.estimates import Estimates
from anonbench.workflow.preflight import require_files
from edited_config import edited

DATASET: dict[str, Any] = {"layout": "folder", "path": "images", "detectors": ["mtcnn"]}


def leaves(value: Any, path: str = "") -> set[str]:
    if not isinstance(value, dict) or not value:
        return {path}
    return {leaf for name, inner in value.items() for leaf in leaves(inner, f"{path}.{name}")}


def test_written_files_are_the_defaults(root: Path) -> None:
    assert (root / POLICY).read_text(encoding="utf-8") == documents()[POLICY]
    assert load_policy(yaml.safe_load(documents()[POLICY])) == Policy()
    defaults = yaml.safe_load(documents()[DEFAULTS])
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


FINE = {"anonymization.strengths.pixelate.fine": {"blocks": {"face": 24}}}
OTHER = {"anonymization.strengths.blur.light": {"sigma": {"face": 0.04}}}
ROUND = {"anonymization.layers.methods": ["by_entity"], "anonymization.by_entity.face": "layers"}
REDRAWN = {"datasets.mine.redrawn": ["mask"]}


def loaded(edits: dict[str, Any]) -> Config:
    values: dict[str, Any] = {"datasets": {"mine": dict(DATASET)}}
    for path, value in edits.items():
        values = edited(values, path, value)
    return load(values)


LEAST, MOST = ({"parameter": "pixelate.blocks.face", side: 4} for side in ("least", "most"))
PATHLESS = {"layout": "folder", "detectors": ["mtcnn"]}
VALUES: list[tuple[str, Any, str]] = [
    ("datasets", {}, "datasets: should have at least 1 item, not 0"),
    ("datasets.My Images", DATASET, "datasets.My Images: write it in lower-case letters"),
    ("datasets.mine.boxes", "", "datasets.mine: the detector boxes and the setting boxes need"),
    ("datasets.mine.degrees", [50, 50], "datasets.mine: degrees names something twice: 50, 50"),
    ("datasets.mine.degres", [50], "datasets.mine.degres: unknown key; did you mean datasets."),
    ("datasets.mine.demo", {"kind": "x"}, "kind 'x' is none of 'portraits', 'documents', 'ids'"),
    ("datasets.mine.detectors", ["centrface"], "or 'boxes'; did you mean centerface? (given"),
    (
        "datasets.mine",
        PATHLESS,
        "datasets.mine.path: is missing: Folder of the data set, or",
    ),
    ("datasets.mine.enabled", False, "datasets: none is enabled"),
    ("datasets.mine.methods", ["redrawn_mask", "mask"], "methods.0: no method is called so"),
    ("datasets.mine.methods", ["twirl"], "no method is called so; there are pixelate, blur, "),
    ("datasets.mine.methods", ["blurr"], "did you mean blur?"),
    ("datasets.mine.path", "x" * 300, "datasets.mine.path: is no path: a name in it is longer"),
    ("datasets.mine.recipe", "big", "datasets.mine.recipe: no recipe is called 'big'; there"),
    ("datasets.mine.redrawn", ["noise"], "noise is none of the data set's methods; add it to"),
    ("datasets.mine.split", {"validation": 1.0}, "1.0 leaves no image to train on; choose a"),
    ("detection.ppocr.engine", "openvino", "detection.ppocr.engine: unknown key; config/def"),
    ("seed", True, "seed is true or false (yes, no, on, off), which it cannot be"),
    ("systems.s", {}, "systems.s: needs a `kind` (docs/reference/settings-expert.md lists"),
    ("systems.s", {"kind": "tim"}, "'vectors'; did you mean timm?"),
    ("systems.s", {"kind": "onnx"}, "systems.s.file: is missing: docs/reference/settings-expert.m"),
    ("xyzzy", 1, "xyzzy: unknown key; config/defaults.yaml has all, CHANGELOG.md those"),
    ("recipes.default.backbone.width", 65, "backbone: width 65 is not a multiple of heads 2"),
    (
        "recipes.default.backbone.name",
        "vit_small_patch14_dinov2",
        "local_size 96 is not a multiple of the patch of vit_small_patch14_dinov2, 14",
    ),
    (
        "policy.strength",
        [LEAST, {**MOST, "parameter": "blur.sigma.face"}, MOST],
        "strength: pixelate.blocks.face is bounded twice; keep one bound",
    ),
    (
        "privacy.attackers",
        ["recognizer"] * 2,
        "attackers names something twice: recognizer, reco",
    ),
    ("recipes.default.crops.local_count", 0, "adaption A anonymizes local crops alone; leave"),
    ("recipes.default.crops.local_size", 97, "97 is not a multiple of backbone.patch 8"),
    ("recipes.default.optimizer.steps", 0, "for a model as it is, name a `system` in the data"),
    ("recipes.default.steps", 3, "steps: unknown key; did you mean recipes.<name>.optimizer.s"),
    ("redrawing.width", 6, "unknown key; did you mean recipes.<name>.backbone.width? Removed"),
    ("anonymization.by_entity.mrz", "none", "by_entity: no method is called 'none'; there are"),
    ("results", 5, "results: should be a path (given: 5)"),
    ("privacy.supervised", 500, "should be a mapping (`key: value`) (given: 500)"),
    ("anonymization.mask.colour", "red", "should be a valid list or should be 'mean' (given"),
    ("anonymization.layers.methods", ["mask", "layers"], "layers: layers would apply itself"),
    ("anonymization.strengths.layers.a", {"methods": ["layers_a"]}, "a would apply itself"),
    ("anonymization.strengths.pixelate.Fine", {}, "Fine: write it in lower-case letters"),
]
EXCLUDING: list[tuple[dict[str, Any], str]] = [
    (
        {"datasets.mine.system": "testd", "systems.tested": {"kind": "timm", "name": "resnet18"}},
        "no system is called 'testd'; under `systems` there are tested; did you mean tested?",
    ),
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
        loaded(edits)
    (line,) = str(caught.value).splitlines()[1:]
    assert said in line


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)
WRONG: list[Any] = [
    *(None, [], ["a"], {"a": "b"}, float("nan"), -1, 0, 1e308, "", "x" * 300, "../../etc/passwd")
]
"""Values that a config may have somewhere."""
NEVER: list[Any] = [
    *([["a"]], {1: 2}, float("inf"), 2**64, 16**6000, True, b"\xff", "x" * 100_000, "\0", "\ud800"),
    *(datetime.date(2020, 1, 1), CIRCLE),
]
"""Values that it has nowhere, which is seen before it is known what a field is."""


def whole(folder: Path) -> dict[str, Any]:
    """Return a config with every field, whose data set is there."""
    for number in range(4):
        path = folder / "images" / ("train", "val")[number % 2] / "a" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    data = {"layout": "folder", "path": str(folder / "images"), "detectors": ["mtcnn", "zxing"]}
    config = load({"datasets": {"mine": data}, "results": str(folder / "results")})
    return config.model_dump(mode="json")


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value[:1])
    for key, inner in items:
        yield (*place, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*place, key))


def plan(values: Any) -> None:
    """Do what the workflow does with a config before it has jobs."""
    config = load(values)
    require_files(config)
    experiment = Experiment(config)
    listings = {
        name: list_images(name, dataset, config.seed, labels=False)
        for name, dataset in experiment.datasets.items()
    }
    for name, dataset in experiment.datasets.items():
        user_files_of(name, dataset)
    for name, images in listings.items():
        Estimates(experiment, name, count_images(images))


@pytest.mark.slow
def test_every_field_with_every_value(tmp_path: Path) -> None:
    values = whole(tmp_path)
    plan(values)
    refused = 0
    for number, (*parents, last) in enumerate(places(values)):
        named = {"datasets", "results", [*parents, last][0]}  # all else is as by default
        changed = copy.deepcopy({name: values[name] for name in named})
        section: Any = changed
        for parent in parents:
            section = section[parent]
        for wrong in (*WRONG, NEVER[number % len(NEVER)]):
            section[last] = wrong
            try:
                plan(changed)
            except InputError as error:
                refused += 1
                assert 20 < len(str(error).removeprefix("the config is wrong:")) < 5000
            except Exception as error:
                raise AssertionError(f"{[*parents, last]} = {str(wrong)[:60]}") from error
    assert refused > 1000


@pytest.mark.parametrize("value", [*WRONG, *NEVER], ids=lambda value: type(value).__name__)
def test_the_whole_is_something_else(value: Any) -> None:
    with pytest.raises(InputError):
        load(value)


DATA = "datasets:\n  a: {layout: folder, path: images, detectors: [mtcnn]}\n"
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{here}: &{here} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, here in zip("abcdefghi", "bcdefghij", strict=True)
)
TEXTS = {
    "base 60": ("a:\n  b: 1:30\n", "1:30 in line 2 is no number; quote it if it is text"),
    "a key twice, deeper": ("a:\n  b: 1\n  b: 2\n", "b is there twice, in lines 2 and 3"),
    "code": (DATA + "title: !!python/object/apply:os.system [touch x]\n", "not valid YAML.*tag"),
    "a billion laughs": (LAUGHS, "more than 100,000 values"),
    "a circle": ("datasets: &d\n  a: *d\n", "nested more than 24 levels deep"),
    "deep": ("a: " + "[" * 600 + "]" * 600, "nested too deeply"),
    "a number as key": (DATA + "recipes: {1: {}}\n", "the key '1', which is not text"),
    "a list as key": (DATA + "? [a]\n: 1\n", "unhashable key"),
    "merged with a number": (DATA + "<<: 3\n", "merging"),
    "an unknown alias": ("a: *b", "undefined alias"),
    "two documents": (DATA + "---\n" + DATA, "single document"),
    "a list": ("- a\n", "it needs keys"),
    "a long number": (DATA + "seed: " + "9" * 5000, "not valid YAML"),
    "a huge number": (DATA + "seed: 0x" + "f" * 6000, "seed: is a number that is too large"),
    "a tab": ("a:\n\t- b\n", "not valid YAML.* any token at line 2, column 1"),
    "a zero byte": (DATA + 'title: "\\0"\n', "title: has a character"),
    "half a pair": (DATA + 'title: "\\ud800"\n', "title: has a character"),
    "too large": ("# " + "x" * 5 * 2**20, "larger than"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_that_is_no_config(tmp_path: Path, name: str) -> None:
    text, message = TEXTS[name]
    path = tmp_path / "c.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message) as refused:
        read(path)
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)
    assert len(str(refused.value)) < 500


def test_places_that_are_no_file(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\n", encoding="utf-8")
    assert read(path) == {"a": {"x": 1, "y": 2}, "b": {"x": 3, "y": 2}}, "merged keys are fine"
    (tmp_path / "bytes.yaml").write_bytes("title: Müller".encode("latin-1"))
    with pytest.raises(InputError, match="is not in UTF-8: save it"):
        read(tmp_path / "bytes.yaml")
    for path in (tmp_path, tmp_path / "absent.yaml", tmp_path / "bytes.yaml", Path("/dev/zero")):
        with pytest.raises(InputError, match=str(path)):
            read(path)
