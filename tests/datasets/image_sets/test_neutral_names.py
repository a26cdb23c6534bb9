"""Neutral names: the same everywhere, in the originals' order, and of known images only."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from anonbench.config import load
from anonbench.core.errors import InputError
from anonbench.core.io import write_parquet
from anonbench.datasets.image_sets.neutral_names import Names, without_places

IDS = ["b/10", "a 2", "Ä", "b/9", "a/1"]
FILE = Path("somewhere.parquet")


def test_numbers_have_the_order_of_the_ids() -> None:
    numbers = Names(IDS, []).images(pd.Series(IDS, dtype="str"), FILE)
    assert numbers.tolist() == ["000003", "000001", "000005", "000004", "000002"]
    assert sorted(IDS) == [IDS[i] for i in numbers.sort_values().index]
    many = Names([f"{number:07d}" for number in range(1_000_000)], [])
    asked = pd.Series(["0000000", "0999999"])  # seven digits for a million
    assert many.images(asked, FILE).tolist() == ["0000001", "1000000"]


def test_classes_sort_as_their_labels_do() -> None:
    labels = [f"person {number}" for number in range(12)]
    names = Names([], labels)
    found = names.classes(pd.Series(labels), FILE)
    assert found.iloc[0] == "class 01" and found.iloc[2] == "class 05"
    assert found.sort_values().index.tolist() == pd.Series(labels).sort_values().index.tolist()
    missing = names.classes(pd.Series(["person 3", None]), FILE)
    assert missing.isna().tolist() == [False, True]


def test_labels_are_compared_as_text(tmp_path: Path) -> None:
    table = pd.DataFrame({"id": ["a", "b", "c"], "old": pd.array([1, 1, 0], dtype="Int8")})
    write_parquet(table, tmp_path / "manifest.parquet")
    names = Names.of(tmp_path / "manifest.parquet", "old")
    assert names.classes(pd.Series(["0", "1"]), FILE).tolist() == ["class 1", "class 2"]
    stored = pd.read_parquet(tmp_path / "manifest.parquet")["old"]
    assert names.classes(stored, FILE).tolist() == ["class 2", "class 2", "class 1"]


def test_what_the_manifest_does_not_list_is_refused_and_not_named(tmp_path: Path) -> None:
    names = Names(IDS, ["one"])
    for ask in (names.images, names.classes):
        for unknown in ("", "zz", "b/100"):
            with pytest.raises(InputError, match=r"somewhere\.parquet: 1 rows are of") as error:
                ask(pd.Series([unknown]), FILE)
            assert repr(unknown) not in str(error.value)
    with pytest.raises(InputError, match="images cannot be numbered"):
        Names.of(tmp_path / "manifest.parquet")


def test_a_config_without_places_is_the_same_experiment() -> None:
    place = "/home/anna"
    archive = {"layout": "folder", "path": f"{place}/x", "detectors": ["mtcnn"], "label": "class"}
    given = {
        "results": f"{place}/results",
        "privacy": {"recognizer": f"{place}/face.onnx"},
        "detection": {"mrz": {"weights": f"{place}/mrz.onnx"}},
        "systems": {"theirs": {"kind": "vectors", "path": f"{place}/{{variant}}-anna.npz"}},
        "datasets": {"archive": archive, "hidden": archive | {"enabled": False}},
    }
    config = without_places(load(given))
    assert "anna" not in json.dumps(config.model_dump(mode="json"))
    assert list(config.datasets) == ["archive"]
    assert config.datasets["archive"].label == "class"
    assert config.recipes == load(given).recipes
