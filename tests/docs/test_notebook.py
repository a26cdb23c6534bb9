"""The notebook: it runs on a finished run's results, and its outputs are those of its cells."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nbformat
import pytest

import bundled_results as made
from site_tools import ROOT, load

NOTEBOOKS = load("run_notebook")
NOTEBOOK = ROOT / "docs/tutorials/explore.ipynb"
PLACE = "docs/tutorials"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a finished run's results in it, and a place for notebooks."""
    folder = tmp_path_factory.mktemp("run")
    shutil.copytree(made.finished(tmp_path_factory).results, folder / "results")
    (folder / PLACE).mkdir(parents=True)
    return folder


@pytest.mark.slow
def test_it_runs_on_any_results(run: Path) -> None:
    done = NOTEBOOKS.executed(nbformat.read(NOTEBOOK, as_version=4), run / PLACE)
    outputs = [output for cell in done.cells for output in cell.get("outputs", [])]
    drawn = [output for output in outputs if "image/png" in output.get("data", {})]
    said = "".join(output.get("text", "") for output in outputs)
    assert len(drawn) == 3 and "queries are no better than chance" in said
    assert said.endswith("as in the table\n")


def test_its_outputs_are_those_of_its_cells() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    told = "stale: python tools/site/run_notebook.py, after make demo"
    assert notebook.metadata["sources"] == NOTEBOOKS.digest(notebook), told
    notebook.cells[2].source += "\n"
    assert notebook.metadata["sources"] != NOTEBOOKS.digest(notebook)


def test_it_is_small_and_says_nothing_of_a_machine() -> None:
    text = NOTEBOOK.read_text("utf-8")
    assert len(text) < 120_000 and str(Path.home()) not in text and "/tmp/" not in text
    assert set(json.loads(text)["metadata"]) == {"kernelspec", "language_info", "sources"}


def test_the_site_has_it_as_a_page() -> None:
    page, pictures = load("notebook_page").page(NOTEBOOK)
    assert page.startswith("# Explore the results") and len(pictures) == 3
    assert all(data.startswith(b"\x89PNG") for data in pictures.values())
    assert "```text\nAP " in page and "](../explanation/metrics.md)" in page
