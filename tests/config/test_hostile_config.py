"""Configs that are wrong in every field: each ends in one InputError, or is right."""

from __future__ import annotations

import copy
import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anonbench.config import load
from anonbench.config.experiment import Experiment
from anonbench.config.file import read
from anonbench.core.errors import InputError
from anonbench.datasets.listing import count_images, list_images
from anonbench.detection.user_annotations import user_files_of
from anonbench.workflow.estimates import Estimates
from anonbench.workflow.preflight import require_files

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
    Estimates(experiment, {name: count_images(images) for name, images in listings.items()})


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
    "a tab": ("a:\n\t- b\n", "not valid YAML"),
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
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path, tmp_path / "absent.yaml", tmp_path / "bytes.yaml", Path("/dev/zero")):
        with pytest.raises(InputError, match=str(path)):
            read(path)
