"""Results files: one system on one data set, read with those of others into one table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from anonbench.core.errors import InputError
from anonbench.reporting.results_file import (
    TABLE,
    Results,
    read_results,
    results_of,
    table_of,
    write_results,
)
from reporting.test_answers import attack, policy, scores

ABOUT = {"anonbench": "0.1.0", "system": "ours", "kind": "timm", "dataset": "faces", "images": 90}
ABOUT |= {"detectors": ("mtcnn",), "confidence": 0.95}


def results(**about: object) -> Results:
    judged = policy(attack("blur", 0.3), attack("mask", np.nan, reason="too few probes"))
    parameters = {"blur": {"sigma": {"face": 0.12}}}
    return results_of(ABOUT | about, parameters, scores({"blur": 0.8, "mask": 1 / 3}), judged)


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_results(results(), tmp_path / "faces.json")
    first = (tmp_path / "faces.json").read_bytes()
    assert read_results(tmp_path / "faces.json") == results()
    write_results(results(), tmp_path / "faces.json")
    assert (tmp_path / "faces.json").read_bytes() == first
    written = json.loads(first)
    assert {score["value"] for each in written["results"] for score in each["scores"]} >= {0.333333}
    assert list(written) == sorted(written)
    assert {each["adaption"] for each in written["results"]} == {"unadapted", "mapped"}
    blur = next(
        each for each in written["results"] if (each["degree"], each["method"]) == (100, "blur")
    )
    assert blur["parameters"] == {"sigma": {"face": 0.12}}
    mask = [each for each in written["results"] if each["method"] == "mask"]
    assert not any(each["attacks"] for each in mask)


def test_others_files_stand_in_one_table(tmp_path: Path) -> None:
    write_results(results(), tmp_path / "own/ours/faces.json")
    write_results(results(system="theirs"), tmp_path / "others/theirs.json")
    table = table_of([tmp_path / "own", tmp_path / "others"])
    assert list(table) == TABLE
    row = table[(table["measure"] == "map") & (table["query"] == "original")]
    row = row[(row["method"] == "blur") & (row["degree"] == 100) & (row["adaption"] == "unadapted")]
    assert row["system"].tolist() == ["ours", "theirs"]
    assert row["value"].tolist() == [0.8, 0.8]
    rates = table[table["measure"] == "linkage: rank_1 face"]
    assert set(rates["value"]) == {0.3}
    with pytest.raises(InputError, match="no results file"):
        table_of([tmp_path / "none"])
    write_results(results(), tmp_path / "others/again.json")
    with pytest.raises(InputError, match=r"json is of the same system \(ours\)"):
        table_of([tmp_path])


@pytest.mark.parametrize(
    ("there", "instead", "message"),
    [
        ('"images": 90', '"images": "90"', "images: Input should be a valid integer"),
        ('"images": 90', '"images": 90, "path": "here"', "path: Extra inputs are not permitted"),
        ('"schema_version": 1', '"schema_version": 2', "schema_version: Input should be 1"),
        ('"system": "ours"', '"system": "../else"', "system: String should match"),
        ('"degree": 100', '"degrees": 100', r"results\.\d\.degree: Field required"),
        ('"value": 0.8', '"value": 80.0', r".*scores\.\d\.value: Input should be less than"),
        ('"images": 90', "no JSON", "the file: Invalid JSON"),
    ],
)
def test_wrong_files(tmp_path: Path, there: str, instead: str, message: str) -> None:
    path = tmp_path / "faces.json"
    write_results(results(), path)
    text = path.read_text()
    assert there in text
    path.write_text(text.replace(there, instead))
    with pytest.raises(InputError, match=rf"faces\.json: {message}.*results-file\.md"):
        read_results(path)
