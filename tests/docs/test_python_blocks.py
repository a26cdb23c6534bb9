"""Python that pages show, run as a reader would; worked examples; the notebook."""

import doctest
import json
import os
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest

import bundled_results as made
from anonbench.config import Anonymization, Detection
from anonbench.core.boxes import Region
from anonbench.core.registries.attacks import Equipment, RegionAttack
from anonbench.core.vocabulary import Entity, Variant
from plug_in import install
from processes import python
from site_tools import ROOT, load


def blocks_of(page: str, kind: str = "python") -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{kind}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "result"),
    [
        ("how-to/install.md", "(hidden != image)[30:120, 40:110].mean() > 0.9"),
        ("how-to/anonymize.md", "(len(found.boxes), *counts(done)) == (13, 12, 1)"),
        ("how-to/evaluate.md", "result.to_markdown().count('keeps most: mAP') == 2"),
        ("how-to/score.md", "table.set_index('metric')['value']['map'].round(4) == 0.8436"),
        ("tutorials/own-archive.md", "len([*Path('photos').rglob('*.jpg')]) == len(rows) == 240"),
    ],
)
def test_the_blocks_of_a_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str, result: str
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = blocks_of(f"docs/{page}")
    assert blocks
    names: dict[str, Any] = {"counts": lambda done: (done.written, done.without_regions)}
    for block in blocks:
        exec(compile(block, page, "exec"), names)
    assert eval(result, names)


def test_the_kind_of_system_of_a_page_embeds_images(tmp_path: Path) -> None:
    page = "docs/how-to/systems.md"
    (source,), (described,) = (blocks_of(page, kind) for kind in ("python", "toml"))
    ((group, points),) = tomllib.loads(described)["project"]["entry-points"].items()
    module = re.match(r"# (\w+)\.py\n", source)[1]  # type: ignore[index]
    install(tmp_path, {module: source}, {f"{group}:{name}": at for name, at in points.items()})
    (entry,) = re.findall(r"`(ours: \{ kind: grey.*?\})`", (ROOT / page).read_text("utf-8"))
    code = f"""
import numpy as np, yaml
from anonbench.config import load
from anonbench.embedding.systems.opening import identity_of, open_system
archive = {{"layout": "folder", "path": "images", "detectors": ["mtcnn"]}}
given = {{"datasets": {{"archive": archive}}, "systems": yaml.safe_load({entry!r})}}
systems = load(given).systems
images = np.random.default_rng(0).integers(0, 256, (3, 9, 8, 3), np.uint8)
with open_system(systems["ours"]) as system:
    print(system.encode([*images]).shape, identity_of(systems["ours"]) == system.identity)
"""
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    run = python(code, env=os.environ | {"PYTHONPATH": path})
    assert run.stdout == "(3, 32) True\n", run.stderr


def test_the_attack_of_contributing_attacks() -> None:
    (source,) = blocks_of("CONTRIBUTING.md")
    names: dict[str, Any] = {"__name__": "shade"}  # pydantic asks where a class is defined
    exec(compile(source, "CONTRIBUTING.md", "exec", dont_inherit=True), names)
    assert names["Shade"].lacks() == "" and issubclass(names["Shade"], RegionAttack)
    loaded = names["Shade"]().load(Equipment(Detection(), Anonymization()))
    image = np.full((8, 9), 200, np.uint8)
    image[:, 5:] = 30
    regions = [Region(Entity.FACE, *box, score=1.0) for box in ((0, 0, 4, 8), (5, 0, 9, 8))]
    light, dark = loaded.look(image, regions, Variant())
    assert loaded.shares(light, light) == {"same_shade": 1.0}
    assert loaded.shares(light, dark) == {"same_shade": 0.0}


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", ["correlation", "metrics", "paper", "retrieval-bias", "statistics"]
)
def test_the_examples_of_a_page_give_what_it_says(page: str) -> None:
    blocks = blocks_of(f"docs/explanation/{page}.md", "pycon")
    examples = doctest.DocTestParser().get_doctest("".join(blocks), {}, page, page, 0)
    assert len(examples.examples) > 3 * len(blocks) > 0
    said: list[str] = []
    results = doctest.DocTestRunner(verbose=False).run(examples, out=said.append)
    assert not results.failed, "".join(said)


NOTEBOOKS = load("run_notebook")
NOTEBOOK = ROOT / "docs/tutorials/explore.ipynb"


@pytest.mark.slow
def test_it_runs_on_any_results(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("run")
    shutil.copytree(made.finished(tmp_path_factory).results, folder / "results")
    place = folder / "docs/tutorials"
    place.mkdir(parents=True)
    done = NOTEBOOKS.executed(nbformat.read(NOTEBOOK, as_version=4), place)
    outputs = [output for cell in done.cells for output in cell.get("outputs", [])]
    drawn = [output for output in outputs if "image/png" in output.get("data", {})]
    said = "".join(output.get("text", "") for output in outputs)
    assert len(drawn) == 3 and "queries are no better than chance" in said
    assert said.endswith("as in the table\n")


def test_the_notebook_is_small_and_has_the_outputs_of_its_cells() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    told = "stale: python tools/site/run_notebook.py, after make demo"
    assert notebook.metadata["sources"] == NOTEBOOKS.digest(notebook), told
    notebook.cells[2].source += "\n"
    assert notebook.metadata["sources"] != NOTEBOOKS.digest(notebook)
    text = NOTEBOOK.read_text("utf-8")
    assert len(text) < 120_000 and str(Path.home()) not in text and "/tmp/" not in text
    assert set(json.loads(text)["metadata"]) == {"kernelspec", "language_info", "sources"}
    page, pictures = load("notebook_page").page(NOTEBOOK)
    assert page.startswith("# Explore the results") and len(pictures) == 3
    assert all(data.startswith(b"\x89PNG") for data in pictures.values())
    assert "```text\nAP " in page and "](../explanation/metrics.md)" in page
