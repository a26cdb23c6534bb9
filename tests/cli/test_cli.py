"""The command `anonbench`, and one set of pins for its environments."""

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from anonbench import score
from anonbench.cli import main
from anonbench.cli.main import CONDA, LOCK, NO_DEPENDENCIES, environments, read_pins
from anonbench.config.default_files import DEFAULTS, SCHEMA
from anonbench.evaluation.retrieval.scoring.metrics import PER_QUERY
from plug_in import install
from processes import python


@pytest.mark.slow
def test_config_writes_the_files_that_are_committed(root: Path, tmp_path: Path, cli: Any) -> None:
    cli(f"config --root {tmp_path}")
    for path in (SCHEMA, DEFAULTS):
        assert (tmp_path / path).read_bytes() == (root / path).read_bytes()


IMAGES = 240


@pytest.fixture
def embedded(tmp_path: Path) -> dict[str, Path]:
    """Embeddings of originals and of anonymized images as an outsider would write them."""
    draw = np.random.default_rng(0).standard_normal
    ids = [f"img {number:03d}" for number in range(IMAGES)]
    reference = draw((IMAGES, 16))
    values = {"reference": reference, "queries": reference[:50] + 0.4 * draw((50, 16))}
    values["database"] = reference + 0.4 * draw((IMAGES, 16))
    for name, array in values.items():
        np.save(tmp_path / f"{name}.npy", array)
        listed = "".join(f"{image_id}\n" for image_id in ids[: len(array)])
        (tmp_path / f"{name}.ids.txt").write_text(listed, encoding="utf-8")
    return {name: tmp_path / f"{name}.npy" for name in values}


def score_arguments(embedded: dict[str, Path], *more: object) -> list[Any]:
    named = [text for name, path in embedded.items() for text in (f"--{name}", str(path))]
    return ["score", *named, *more]


def test_score_prints_the_same_as_json_and_writes_every_query(
    embedded: dict[str, Path], cli: Any
) -> None:
    asked = ["--json", "--sample", "1", "--k", "5"]
    content = json.loads(cli(*score_arguments(embedded, *asked)).out, parse_constant=pytest.fail)
    expected = score(*embedded.values(), sample=1, k=5)
    for column in ("metric", "value"):
        assert [row[column] for row in content["rows"]] == expected[column].tolist()
    assert content["rows"][0]["se"] is None  # one query has no spread
    assert (content["images"], content["k"], content["queries_given"]) == (IMAGES, 5, 50)
    assert content["notes"][0].startswith("a random sample of 1 of 50 queries against 240 images")
    assert content["settings"]["include_self"] is True
    np.save(embedded["database"], np.random.default_rng(5).standard_normal((IMAGES, 16)))
    printed = cli(*score_arguments(embedded)).out
    assert "\nmap is near chance (0." in printed and "a query's own image counts" in printed
    excluded = score(*embedded.values(), include_self=False)
    for suffix, read in (("csv", pd.read_csv), ("parquet", pd.read_parquet)):
        path = embedded["queries"].with_name(f"scores.{suffix}")
        cli(*score_arguments(embedded, "--per-query", path, "--exclude-self"))
        table = read(path)
        assert list(table) == ["id", *PER_QUERY.values()]
        assert table["id"].tolist() == [f"img {number:03d}" for number in range(50)]
        assert table["ap"].mean() == pytest.approx(excluded["value"][0], abs=1e-12)
    before = path.read_bytes()
    both = ["--per-query", path, "--against", path]
    assert "is read; give another" in cli(*score_arguments(embedded, *both), status=1).err
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("--k 4", "k is 4, and below 5 no ranking can be judged"),
        ("--k 5 --sample 20", ""),
    ],
)
def test_score_states_nothing_on_too_little(
    embedded: dict[str, Path], cli: Any, asked: str, said: str
) -> None:
    text = cli(*score_arguments(embedded, asked)).out
    assert text.startswith(f"NOT KNOWN what the change costs: {said}" if said else "metric")
    found = json.loads(cli(*score_arguments(embedded, "--json", asked)).out)
    assert found["unknown"].startswith(said)


def test_no_command_overwrites_input(tmp_path: Path, cli: Any) -> None:
    given = tmp_path / "given.parquet"
    pd.DataFrame({"id": list("abcdefgh"), "v0": range(8), "v1": range(8)}).to_parquet(given)
    (tmp_path / "link.parquet").symlink_to(given)
    labels = tmp_path / "persons.csv"
    labels.write_text("id,cluster")
    before = given.read_bytes()
    files = [f"--{name}={given}" for name in ("reference", "queries", "database")]
    attack = ["attack", str(tmp_path), str(tmp_path), "--boxes", str(labels), "--output"]
    (tmp_path / "hard.csv").hardlink_to(labels)
    for commanded in (
        [*attack, str(labels)],
        [*attack, str(tmp_path / "hard.csv")],
        ["attack", str(labels), str(tmp_path), "-o", str(labels)],
        ["score", *files, "--per-query", str(tmp_path / "link.parquet")],
        ["score", *files, "--clusters", str(labels), "--per-query", str(labels)],
        ["boxes", "export", str(tmp_path / "other.parquet"), str(given), str(given)],
    ):
        assert "is the same file as" in cli(*commanded, status=1).err
        assert (given.read_bytes(), labels.read_text()) == (before, "id,cluster")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("--per-query scores.txt", "--per-query scores.txt: the name must end in .parquet"),
        ("--per-query /proc/none/scores.csv", "/proc/none/scores.csv: cannot be written"),
        ("--queries absent.h5", "absent.h5: no such file"),
        ("--top 1000000000", "top"),
    ],
)
def test_score_refuses_in_one_line(
    embedded: dict[str, Path], more: str, message: str, cli: Any
) -> None:
    printed = cli(*score_arguments(embedded, more), status=1)
    assert printed.out == ""
    *progress, line = printed.err.splitlines()
    assert all("blocks of queries" in text or not text for text in progress)
    assert line.startswith("anonbench: ") and message in line


def test_score_of_mismatch(embedded: dict[str, Path], cli: Any) -> None:
    listed = embedded["database"].with_suffix(".ids.txt")
    listed.write_text(listed.read_text().replace("img 007", "img 700"))
    error = cli(*score_arguments(embedded), status=1).err
    assert f"1 ids of {embedded['reference']} are not in {embedded['database']}" in error
    assert "such as 'img 007'" in error and "--common" in error
    assert "49 queries against 239 images" in cli(*score_arguments(embedded, "--common")).out


def test_reader_stops_no_error(embedded: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*arguments: object, **options: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("builtins.print", closed)
    assert main(score_arguments(embedded)) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        *("boxes export absent absent out.json", "boxes export text text out.json"),
        *("export absent out --format timm", "export text out --format timm"),
        *("environments --root absent", "verify text", "verify ."),
        *("bundle --to x.tar --configfile absent", "bundle --to x.tar --configfile ."),
    ],
)
def test_odd_files_are_one_line(
    arguments: str, tmp_path: Path, cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text").write_text("neither table nor weights")
    printed = cli(arguments, status=1).err
    assert printed.startswith("anonbench: ") and printed.count("\n") == 1


@pytest.mark.slow
def test_a_broken_package_is_named_in_one_line_and_left_out(root: Path, tmp_path: Path) -> None:
    install(tmp_path, {"broken": "1 / 0"}, {"anonbench.methods:broken": "broken:Broken"})
    for name in ("config.yaml", "x.tar"):  # their absence would be said first
        (tmp_path / name).touch()
    path = os.pathsep.join([str(root / "src"), str(tmp_path)])
    program = "from anonbench.cli import main; main('images export demo mask-100 --to x'.split())"
    done = python(program, cwd=tmp_path, env=os.environ | {"PYTHONPATH": path})
    first, _ = done.stderr.splitlines()  # the command's own error is the other
    assert first.startswith("anonbench: entry point broken = broken:Broken ")


def test_the_lock_pins_what_is_asked_for_to_one_version(root: Path) -> None:
    for pin in read_pins(root / LOCK) + read_pins(root / NO_DEPENDENCIES):
        assert re.fullmatch(r"[A-Za-z0-9_.\-\[\]]+==[0-9][A-Za-z0-9.]*", pin), pin
    locked = {pin.lower() for pin in read_pins(root / LOCK)}
    names = {pin.split("==")[0].replace("_", "-") for pin in locked}
    for line in read_pins(root / "requirements.in"):
        name, is_pinned, _ = line.lower().partition("==")
        assert name.replace("_", "-") in names, f"{name} is in requirements.in and not in the lock"
        assert not is_pinned or line.lower() in locked


def test_conda_and_the_container_install_the_lock(root: Path) -> None:
    for path, written in environments(root).items():
        assert (root / path).read_text(encoding="utf-8") == written
    environment = yaml.safe_load((root / CONDA).read_text(encoding="utf-8"))
    assert environment["dependencies"][-1]["pip"] == read_pins(root / LOCK)
    text = (root / "Dockerfile").read_text(encoding="utf-8")
    assert "FROM python:3.11" in text
    assert f"-r {LOCK}" in text
    assert f"--no-deps --ignore-requires-python -r {NO_DEPENDENCIES}" in text
    assert not re.search(r"pip install[^\n]*[a-z]==", text)
