"""Pages that are written from code: each is what its code says now."""

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from anonbench.cli.main import command_parser
from anonbench.cli.shared import with_subcommands
from anonbench.config.experiment import FIGURES_OF_SCORES
from anonbench.core.registries.methods import METHODS
from anonbench.core.registries.tables import TABLES
from site_tools import ROOT, load

REFERENCE = load("reference")
SETTINGS = load("settings_page")
GALLERY = load("gallery")


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """Text of each page by its file's name, as the code says it now."""
    return {path.name: text for path, text in REFERENCE.pages().items()}


@pytest.mark.slow
def test_a_page_is_what_its_code_says(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        committed = (REFERENCE.FOLDER / name).read_text("utf-8")
        assert committed == text, f"{name} is stale: run `make docs`"


def settings(sections: list[Any]) -> list[tuple[str, str]]:
    return [
        (section.heading, row.name)
        for section in sections
        for row in section.settings
        if row.heading is None or SETTINGS.is_common(row.path)
    ]


def is_one_sentence(text: str) -> bool:
    return bool(re.fullmatch(r"[A-Z`][^\n]{5,158}\.", text)) and not re.search(r"\. [A-Z`]", text)


@pytest.mark.slow
def test_every_setting_is_on_one_page_and_few_are_on_the_first() -> None:
    common, expert = (settings(SETTINGS.shown(common)) for common in (True, False))
    assert sorted(common + expert) == sorted(settings(SETTINGS.sections()))
    assert len(set(common + expert)) == len(common + expert)
    assert 40 < len(common) <= 60
    assert ("`datasets.<name>`", "path") in common and ("`retrieval`", "top") in expert
    assert ("The experiment", "bundle") in expert and ("`policy.strength`", "least") in expert
    declared = {
        f"{a}.{b}".strip(".") for a, names in SETTINGS.COMMON.items() for b in names.split()
    }
    paths = {row.path for section in SETTINGS.sections() for row in section.settings}
    assert declared <= paths


@pytest.mark.slow
def test_every_setting_is_described_in_one_sentence() -> None:
    told = {
        row.path: row.meaning for section in SETTINGS.sections() for row in section.settings
    } | {section.heading: section.meaning for section in SETTINGS.sections()}
    assert [place for place, text in told.items() if not is_one_sentence(text)] == []
    assert is_one_sentence("Side of a patch, in pixels.")
    for wrong in ("", "Side", "of a patch.", "Side of a patch. In pixels.", f"Side {'x' * 160}."):
        assert not is_one_sentence(wrong)


def test_every_command_and_interface_is_there(pages: dict[str, str]) -> None:
    python, text = pages["python.md"], pages["command-line.md"]
    assert "anonymize(\n    image: np.ndarray,\n    regions: Sequence[Region],\n" in python
    assert "- `regions`: the image's regions in draw order." in python and "Args:" not in python
    commands = {each.prog.split()[1] for each in [*with_subcommands(command_parser())][1:]}
    text_of_overview = (REFERENCE.FOLDER / "commands.md").read_text("utf-8")
    overview = text_of_overview.partition("\n## `snakemake`")[0]
    cells = " ".join(re.findall(r"^\| (`.*?) \|", overview, flags=re.MULTILINE))
    told = re.findall(r"`(?:anonbench )?([a-z-]+)(?: [a-z]+)*`", cells)
    for name in commands:
        assert f"## anonbench {name}" in text
        assert name in told, f"docs/reference/commands.md has no row for {name}"
    assert "%(" not in text


def test_the_gallery_has_every_method_figure_and_table() -> None:
    text = GALLERY.PAGE.read_text("utf-8")
    for name, method in METHODS.items():
        assert f"### {method.label}" in text and f"method_{name}.jpg" in text
    for name in (*TABLES, "retrieval", "agreement", "downstream"):
        assert f"### `{name}` table" in text
    drawn = {
        re.split(r"_?\{", stem)[0]
        for rules in (ROOT / "workflow/rules").glob("*.smk")
        for stem in re.findall(r"page\(\"figure\", f?\"([^\"]+)\"", rules.read_text("utf-8"))
    }
    drawn |= {*FIGURES_OF_SCORES}  # one job draws several
    assert drawn == {GALLERY.kind(stem).partition("_1")[0] for stem, _ in GALLERY.FIGURES}


def test_gallery_without_results_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, pictures = tmp_path / "gallery.md", tmp_path / "pictures"
    shutil.copy(GALLERY.PAGE, page)
    shutil.copytree(GALLERY.PICTURES, pictures)
    for name, path in {"RESULTS": tmp_path, "PAGE": page, "PICTURES": pictures}.items():
        monkeypatch.setattr(GALLERY, name, path)
    monkeypatch.setattr(GALLERY, "ROOT", tmp_path)
    monkeypatch.setattr(GALLERY, "sheets", dict)
    before = {path: path.read_bytes() for path in (page, *pictures.iterdir())}
    GALLERY.write()
    assert {path: path.read_bytes() for path in before} == before


def apart(one: Image.Image, other: Image.Image) -> float:
    """Return by how much the most different 10 x 10 pixels differ in their mean colour."""
    size = (one.width // 10, one.height // 10)
    means = [np.asarray(each.resize(size, Image.Resampling.BOX), float) for each in (one, other)]
    return float(np.abs(means[0] - means[1]).max())


def test_the_gallery_shows_what_methods_do() -> None:
    sheets = GALLERY.sheets()
    missing = [name for name in sheets if not (GALLERY.PICTURES / f"method_{name}.jpg").is_file()]
    assert not missing, "no picture: python tools/site/gallery.py"
    stored = {name: Image.open(GALLERY.PICTURES / f"method_{name}.jpg") for name in sheets}
    for name, sheet in sheets.items():
        assert stored[name].size == sheet.size
        assert apart(stored[name], sheet) < 8, (
            f"method_{name}.jpg is stale: python tools/site/gallery.py"
        )
    images = [path for path in (ROOT / "docs/images").rglob("*.*") if path.is_file()]
    assert sum(path.stat().st_size for path in images) < 2_000_000
    stronger = GALLERY.sheets(blur={"sigma": {"face": 0.15}})
    assert apart(stored["blur"], stronger["blur"]) > 8
