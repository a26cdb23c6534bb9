"""The demo's numbers in README.md and two pages, from its results.

`python tools/site/demo_numbers.py` after `make demo`; with a bundle of it behind, also what
`anonbench verify` says of that. The numbers are kept in `docs/explanation/findings`, as those of
the page of findings; a test compares the pages with these files. What was not made stays as it is.
"""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from pathlib import Path

import findings
import pandas as pd

from anonbench.reporting.grid import markdown_grid

ROOT = findings.ROOT
PAGES = (ROOT / "README.md", ROOT / "docs/tutorials/demo.md", ROOT / "docs/how-to/reviewers.md")
NUMBERS = findings.FILES / "demo.csv"
"""Columns name and value, as shown."""
TABLE = findings.FILES / "demo_table.csv"
VERIFIED = findings.FILES / "demo_verified.txt"
METHODS = {"pixelate": "Pixelate", "blur": "Blur", "mask": "Mask"}
_STRONGEST = "Strongest attack Rank 1"
_TABLE = re.compile(r"(?s)(<!-- demo: table -->\n).*?(<!-- end -->)")
_VERIFIED = re.compile(r"(?s)(\$ anonbench verify bundle\.tar\n).*?(everything is as published\n)")


def rows_of(markdown: str) -> list[dict[str, str]]:
    """Return the rows of a Markdown table, by their headings."""
    lines = [line.strip("|").split(" | ") for line in markdown.splitlines() if line[:1] == "|"]
    heads, _, *rows = [[cell.strip() for cell in line] for line in lines]
    return [dict(zip(heads, row, strict=True)) for row in rows]


def numbers(
    scores: pd.DataFrame, effects: pd.DataFrame, rates: pd.DataFrame, people: str
) -> dict[str, str]:
    """Return what pages say of the demo's portraits with all faces hidden.

    Args:
        scores: of the portraits.
        effects: of the portraits.
        rates: of re-identification.
        people: the table of re-identification, as Markdown.
    """
    original = scores[scores["query"] == "original"]
    hidden = original[original["degree"] == 100].drop_duplicates("metric").set_index("metric")
    whole = original[(original["degree"] == 0) & (original["metric"] == "map")]
    retrained = whole.set_index("adaption")["value"]["control"]
    adapting = effects[(effects["effect"] == "adapting") & (effects["metric"] == "map")]
    adapting = adapting[(adapting["degree"] == 100) & (adapting["adaption"] != "mapped")]
    of_mask = original[(original["method"] == "mask") & (original["degree"] == 100)]
    masks = of_mask[of_mask["metric"] == "map"].groupby("adaption")["value"].mean()
    of_all = rates[(rates["regions"] == "all") & (rates["rank"] == 1) & (rates["degree"] == 100)]
    found = {
        "queries": f"{hidden['n']['map']:.0f}",
        "k": f"{hidden['k']['map']:.0f}",
        "chance_map": f"{100 * hidden['chance']['map']:.1f}",
        "chance_mndcg": f"{100 * hidden['chance']['mndcg']:.1f}",
        "retrained": f"{100 * retrained:.1f}",
        "mask_unadapted": f"{100 * masks['unadapted']:.1f}",
        "mask_mapped": f"{100 * masks['mapped']:.1f}",
        "losses": str((adapting["verdict"] == "worse").sum()),
        "comparisons": str(len(adapting)),
        "most_gained": f"{-100 * adapting['value'].min():.1f}",
        "most_lost": f"{100 * adapting['value'].max():.1f}",
        "gallery": f"{of_all['gallery'].max():.0f}",
        "persons": f"{of_all['clusters'].max():.0f}",
        "chance": f"{100 * of_all['chance'].max():.1f}",
    }
    strongest = {row["Method"]: row[_STRONGEST] for row in rows_of(people) if row["Method"]}
    for name, label in METHODS.items():
        rate, low, high = map(float, re.findall(r"[\d.]+", strongest[label]))
        found |= {name: f"{rate:.0f}", f"{name}_low": f"{low:.1f}", f"{name}_high": f"{high:.0f}"}
    return found


def updated(text: str) -> str:
    """Return a page with the numbers, the table and the output of the files."""

    def number(found: re.Match[str]) -> str:
        return findings.shown(*found.group(1, 3, 4)) + found[2]

    text = findings.NUMBER.sub(number, text)
    text = _TABLE.sub(lambda found: f"{found[1]}{_table()}{found[2]}", text)
    said = VERIFIED.read_text(encoding="utf-8")
    return _VERIFIED.sub(lambda found: f"{found[1]}{said}", text)


def _table() -> str:
    table = pd.read_csv(TABLE, dtype=str, keep_default_na=False)
    return markdown_grid([*table.columns], table.to_numpy().tolist(), left=1, escaped=True)


def main(bundle: Path | None) -> None:
    """Bring the files and the pages up to the results."""
    tables, portraits = findings.RESULTS / "tables", findings.RESULTS / "portraits"
    kept = pd.read_csv(NUMBERS, dtype=str).set_index("name")["value"].to_dict()
    if tables.is_dir():
        rows = rows_of((tables / "retrieval_portraits_100.md").read_text(encoding="utf-8"))
        pd.DataFrame(rows).to_csv(TABLE, index=False)
        people = (tables / "reidentification_portraits.md").read_text(encoding="utf-8")
        files = ("scores.csv", "effects.csv", "privacy/reidentification.csv")
        kept |= numbers(*(pd.read_csv(portraits / file) for file in files), people)
    if bundle is not None:
        words = ["anonbench", "verify", str(bundle)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        VERIFIED.write_text(done.stdout, encoding="utf-8")
        kept |= {"bundle_mb": f"{bundle.stat().st_size / 1e6:.0f}"}
        kept |= {"verify_seconds": f"{used.ru_utime + used.ru_stime:.0f}"}
    pd.Series(kept, name="value").rename_axis("name").to_csv(NUMBERS)
    for page in PAGES:
        page.write_text(updated(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
