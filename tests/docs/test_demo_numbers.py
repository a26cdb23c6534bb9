"""What README and two pages say of the demo: its numbers are those of files."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pytest

from anonbench.evaluation.comparisons.effect_table import COLUMNS as EFFECTS
from anonbench.evaluation.privacy.rates import RATE_COLUMNS
from anonbench.evaluation.scores import COLUMNS as SCORES
from anonbench.evaluation.scores import CONTROL
from site_tools import ROOT, load

DEMO = load("demo_numbers")
GALLERY = (ROOT / "docs/reference/gallery.md").read_text("utf-8")
"""It has tables as the demo made them."""
METHODS = ("pixelate", "blur", "mask")


@pytest.mark.parametrize("page", DEMO.PAGES, ids=lambda path: path.name)
def test_a_page_has_the_numbers_of_the_files(page: object) -> None:
    text = page.read_text("utf-8")  # type: ignore[attr-defined]
    assert DEMO.updated(text) == text, "stale: python tools/site/demo_numbers.py"


@pytest.mark.parametrize(
    ("page", "number"),
    [
        (0, r"\*\*\d+\.\d(?=\*\*)"),
        (0, r"\d+\.\d(?= %<!-- demo)"),
        (0, r"\d+(?= %<!-- pages)"),
        (2, r"\d+(?= of [\d,]+ files)"),
    ],
)
def test_a_wrong_number_is_mended(page: int, number: str) -> None:
    text = DEMO.PAGES[page].read_text("utf-8")
    found = re.search(number, text)
    assert found is not None
    end = found.end()
    wrong = f"{text[: end - 1]}{(int(text[end - 1]) + 1) % 10}{text[end:]}"
    assert DEMO.updated(wrong) == text


def test_numbers_of_results() -> None:
    found: dict[str, Any] = {
        "degree": 100,
        "query": "original",
        "metric": "map",
        "adaption": CONTROL,
    }
    found |= {"n": 240, "k": 12, "chance": 0.07}
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
    scores = pd.DataFrame(rows, columns=SCORES)
    assert DEMO.numbers(scores, effects.reindex(columns=EFFECTS), rates, people) == drawn | {
        **{"queries": "240", "k": "12", "chance_map": "7.0", "chance_mndcg": "15.4"},
        **{"retrained": "39.4", "losses": "1", "comparisons": "2"},
        **{"most_gained": "1.0", "most_lost": "5.5"},
        **{"gallery": "197", "persons": "32", "chance": "2.5"},
        **{"mask_unadapted": "27.3", "mask_mapped": "42.3"},
    }


def test_each_number_is_on_a_page() -> None:
    names = set(pd.read_csv(DEMO.NUMBERS)["name"])
    text = "".join(page.read_text("utf-8") for page in DEMO.PAGES)
    used = {found.split(", ")[-1] for found in re.findall(r"<!-- demo: (value, \w+) -->", text)}
    shown = names - {"blur_low", "blur_high", "pixelate_high"}
    assert used == shown
