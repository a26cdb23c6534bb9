"""The package of docs/how-to/adding.md and adding-detector.md, through the whole workflow."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import preloaded
import small_archive
from plug_in import install
from processes import python

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

REPORT = "results/report.html"


def blocks(page: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)


PAGES = ("adding", "adding-detector")


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return "".join((root / f"docs/how-to/{name}.md").read_text(encoding="utf-8") for name in PAGES)


def sources_in(text: str) -> dict[str, str]:
    return {re.match(r"# (\w+)\.py\n", each)[1]: each for each in blocks(text, "python")}  # type: ignore[index]


def project_of(text: str) -> dict[str, Any]:
    """Return `pyproject.toml` as a text's blocks make it, one after the other."""
    whole: dict[str, Any] = {"project": {"entry-points": {}}}
    for block in map(tomllib.loads, blocks(text, "toml")):
        points = whole["project"]["entry-points"] | block["project"]["entry-points"]
        project = whole["project"] | block["project"] | {"entry-points": points}
        whole = whole | block | {"project": project}
    return whole


def test_a_reader_of_each_page_can_install_what_it_shows(root: Path) -> None:
    """Setuptools refuses several modules that are not named, and points name what must be there."""
    text = ""
    for name in PAGES:
        text += (root / f"docs/how-to/{name}.md").read_text(encoding="utf-8")
        project = project_of(text)
        modules = {module for module in sources_in(text) if not module.startswith("test_")}
        points = project["project"]["entry-points"].values()
        named = {value.partition(":")[0] for entries in points for value in entries.values()}
        assert set(project["tool"]["setuptools"]["py-modules"]) == modules == named


@pytest.fixture(scope="module")
def package(page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    sources, described = sources_in(page), project_of(page)["project"]
    points = {
        f"{group}:{name}": value
        for group, entries in described["entry-points"].items()
        for name, value in entries.items()
    }
    assert len(points) == 2
    install(folder, sources, points, described["version"])
    return folder


@pytest.fixture(scope="module")
def environment(package: Path) -> dict[str, str]:
    """Return the environment of a process that has the package and `preloaded`."""
    path = [str(package), str(Path(preloaded.__file__).parent)]
    path += filter(None, [os.environ.get("PYTHONPATH")])
    # what is remembered of the code stays that of all other tests
    return os.environ | {"PYTHONPATH": os.pathsep.join(path), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture(scope="module")
def config(page: str) -> dict[str, Any]:
    (text,) = blocks(page, "yaml")
    named = yaml.safe_load(text)
    config = small_archive.config()
    named["datasets"]["archive"] |= {"adaptions": [], "label": None, "detectors": ["dark"]}
    config["datasets"]["archive"] |= named["datasets"]["archive"]
    return config | {"anonymization": named["anonymization"], "privacy": {"enabled": False}}


@pytest.fixture(scope="module")
def done(
    root: Path, environment: Any, config: Any, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("added")
    small_archive.draw(folder)
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    given = ["-s", root / "Snakefile", "--configfile", "config.yaml", "--cores", "2", REPORT]
    code = "import preloaded; preloaded.main()"
    run = python(code, "snakemake", *given, cwd=folder, env=environment)
    assert run.returncode == 0, run.stderr[-4000:]
    return folder


def test_the_detector_finds_and_the_method_hides_and_is_reported(done: Path) -> None:
    archive = done / "results" / "archive"
    boxes = pd.read_parquet(archive / "boxes.parquet")
    assert len(boxes) == 16 and set(boxes["entity"]) == {"barcode"}
    audit = pd.read_csv(archive / "audit.csv")
    assert {"stripes-100", "mask-100"} <= set(audit["variant"])
    report = (done / "results/report.html").read_text(encoding="utf-8")
    assert "Stripes" in report
    assert "stripes" in re.search(r'data-methods="([^"]*)"', report)[1]  # type: ignore[index]
    experiment = (done / "results/tables/experiment.md").read_text(encoding="utf-8")
    assert "mask, stripes" in experiment


def test_an_edit_of_the_method_hides_by_it_again_and_by_no_other(
    done: Path, output_of: Any, package: Path, config: Any, environment: Any, monkeypatch: Any
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    source = package / "extra_stripes.py"
    before = source.read_text(encoding="utf-8")
    source.write_text(before.replace("% 2 == 1", "% 2 != 0"), encoding="utf-8")
    try:
        run = output_of(done, config, "--cores", "1", "-n", REPORT)
    finally:
        source.write_text(before, encoding="utf-8")
    jobs = re.findall(r"^rule anonymize:\n(?:    .*\n)*", run, re.MULTILINE)
    assert len(jobs) == 2 and all("variant=stripes-100" in job for job in jobs)
    assert not re.search(r"^rule (detect|train(?!ings)\w*):", run, re.MULTILINE)


def test_what_is_installed_and_not_named_changes_no_experiment(environment: dict[str, str]) -> None:
    code = """
from anonbench.config import load
archive = {"layout": "folder", "path": "images", "detectors": ["mtcnn"]}
dumped = load({"datasets": {"archive": archive}}).model_dump_json()
"""
    here: dict[str, Any] = {}
    exec(code, here)
    there = python(f"{code}print(dumped)", check=True, env=environment)
    assert there.stdout.strip() == here["dumped"]
    assert '"methods":["pixelate","blur","mask"]' in here["dumped"]


def test_the_page_s_own_test_passes(package: Path, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", package]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert run.returncode == 0 and "1 passed" in run.stdout, run.stdout
