"""The report as a page, also of results that hardly say anything."""

import html
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_results import make_explorer, section
from synthetic_results import make_comparisons, make_scores, write_results
from test_choices import table_of

from anonbench.config.outputs import Figure, Table
from anonbench.core.errors import InputError
from anonbench.core.io import write_csv, write_json
from anonbench.reporting.grid import Grid, GridBlock
from anonbench.reporting.grid_layout import lay_out
from anonbench.reporting.html.build import PAGES, build_report
from anonbench.reporting.html.page import FIGURES, FILES, UNTOLD, DatasetSection, digest, pictures

CONFIG = {"title": "T", "presentation": {"show_originals": False, "confidence": 0.9}}
VERSIONS = {"anonbench": "0.1.0", "torch": "2.13.0"}


class Page(HTMLParser):
    VOID = frozenset({"meta", "img", "br", "link", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


SCORES = make_scores("documents", (50, 100), missing=(("C", "mask", 100),))


@pytest.fixture(scope="module")
def sections(tmp_path_factory: pytest.TempPathFactory) -> list[DatasetSection]:
    """Return a data set at two degrees with a missing model, one without labels, one with seeds."""
    tmp_path = tmp_path_factory.mktemp("results")
    ids = make_scores("ids", labelled=False)
    portraits = make_scores("portraits", seeds=(0, 1), control=True)
    return [
        section(tmp_path / "documents", "documents", SCORES, (50, 100)),
        section(tmp_path / "ids", "ids", ids, (100,), labelled=False),
        section(tmp_path / "portraits", "portraits", portraits, (100,)),
    ]


def build(output: Path, sections: Sequence[DatasetSection], title: str = "Report") -> str:
    build_report(title, sections, CONFIG, VERSIONS, output)
    return output.read_text()


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory, sections: list[DatasetSection]) -> str:
    return build(tmp_path_factory.mktemp("page") / "report.html", sections)


@pytest.mark.slow
def test_page_is_whole_and_its_policy_names_what_it_runs(text: str) -> None:
    page = Page(text)
    assert page.open == []
    assert not page.all("link") and not page.all("iframe")
    for _, attributes in page.tags:
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(
                ("#", "data:image/png;base64,", "data:image/webp;base64,")
            ), value
        assert not any(name.startswith("on") for name in attributes)
        assert "style" not in attributes  # the policy would ignore it
    style = text.split("<style>")[1].split("</style>")[0]
    assert "url(" not in style and "@import" not in style
    assert "//" not in style
    policy = next(m["content"] for m in Page(text).all("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'; base-uri 'none'; form-action 'none'")
    assert "unsafe" not in policy and "http" not in policy
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert len(scripts) == 4 and len(styles) == 1
    expected = {digest(part) for part in [*scripts, *styles]}
    assert set(re.findall(r"'sha256-[^']+'", policy)) == expected
    for source in ("fetch(", "XMLHttpRequest", "import(", "innerHTML", "eval("):
        assert source not in "".join(scripts)


def test_page_is_accessible(text: str) -> None:
    page = Page(text)
    assert page.all("html")[0]["lang"] == "en"
    assert all(image["alt"] and image["width"] and image["height"] for image in page.all("img"))
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(cell.get("scope") for cell in page.all("th"))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    targets = {str(a["href"])[1:] for a in page.all("a")}
    assert targets <= set(ids)


def test_page_shows_everything_given(text: str, sections: list[DatasetSection]) -> None:
    page = Page(text)
    shown = [f for s in sections for f, _ in s.figures if f.kind in FIGURES]
    examples = 2 * len(sections)  # blur and mask on each first page
    assert len(page.all("img")) == len(shown) + examples
    layout = lay_out(Table("retrieval", "documents", 100), SCORES, make_comparisons(SCORES), 0.9)
    body = text.split('id="table-retrieval_documents_100"')[1].split("</table>")[0]
    cells = re.findall(r"<td class=\"number[^>]*>(?:<strong>)?([^<]*)", body)
    rows = [*layout.baselines, *(row for b in layout.blocks for row in b.rows)]
    expected = [cell.text for row in rows for cell in row[1:]]
    assert cells == expected and "not run" in cells
    assert re.search(r"Not run: \d+ cells without a score: the scenario is not part", text)
    assert body.count("<strong>") - 1 == sum(
        cell.best for b in layout.blocks for row in b.rows for cell in row[1:]
    )
    words = " ".join(page.text)
    said = (
        "240 queries",
        "2 seeds",
        "90 % interval",
        "linear is constant",
        "show_originals: false",
    )
    assert [each for each in (*said, *VERSIONS.values()) if each not in words] == []
    assert 'id="grid-trainings_ids"' in text
    overview = text.partition('id="overview"')[2].partition("</section>")[0]
    rows = re.findall(r'<tr><th scope="row"><a href="#(data-\w+)">', overview)
    assert rows == [f"data-{section.name}" for section in sections]
    assert "empty file" in words and "secret name" not in text
    assert not re.search(r"\bnan\b", text.replace("data:image", ""), re.IGNORECASE)


def test_a_tested_system_has_no_paper_page(tmp_path: Path, sections: list[DatasetSection]) -> None:
    build_report("T", sections[:1], CONFIG, VERSIONS, tmp_path / "r.html", system="tested")
    page = (tmp_path / "r.html").read_text()
    assert 'id="paper"' not in page and "#paper" not in page
    assert "The system “tested” is measured as it is" in page


def test_pages_begin_with_a_finding_fold_tables_and_show_detection_quality(text: str) -> None:
    pages = re.findall(r'<section class="page" id="(\w+)"(.*?)</section>\n', text, re.DOTALL)
    assert [name for name, _ in pages] == list(PAGES) and len(PAGES) <= 8
    for name, page in pages:
        finding = re.search(r'</h2>\s*<p class="finding">(.*?)</p>', page, re.DOTALL)
        assert finding and 3 < len(finding[1].split()) < 60, name
        for table in re.finditer("<table", page):
            before = page[: table.start()]
            assert before.count("<details") > before.count("</details"), name
    table = text.split("<strong>How well the detectors hide")[1].split("</table>")[0]
    assert re.findall(r'<th scope="row">([^<]*)</th><td>([^<]*)</td>', table) == [
        (name, entity) for name in ("documents", "portraits") for entity in ("Face", "Text", "All")
    ]
    assert re.search(r'<td class="number">50.0 \([\d.]+ to [\d.]+\)</td>', table)
    assert '<td class="number">–</td>' in table
    assert "documents/quality/summary.csv" in text and "ids/quality/summary.csv" not in text


HOSTILE = '</script><script>alert("1")</script>&<img src=x onerror=alert(1)>\u2028'


def test_names_are_escaped(tmp_path: Path) -> None:
    hostile = section(tmp_path / "x", HOSTILE, make_scores(HOSTILE), (100,))
    pd.DataFrame({"path": ["a"], "reason": [HOSTILE]}).to_csv(hostile.files["skipped"], index=False)
    counts = pd.read_csv(hostile.files["counts"])
    counts.assign(split=HOSTILE).to_csv(hostile.files["counts"], index=False)
    write_json(hostile.files["explorer"], make_explorer(HOSTILE, ids=(HOSTILE,), label=HOSTILE))
    output = tmp_path / "report.html"
    grid = Grid("g", HOSTILE, (HOSTILE,), (GridBlock(HOSTILE, ((HOSTILE,),)),), (HOSTILE,))
    build_report(HOSTILE, [hostile], {"title": HOSTILE}, {HOSTILE: HOSTILE}, output, paper=[grid])
    text = output.read_text()
    assert 'alert("' not in text and "<img src=x" not in text
    assert "&lt;script&gt;" in text and 'id="overview"' not in text
    page = Page(text)
    assert len(page.all("script")) == 5 and page.open == []
    data = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL)
    shown = json.loads(data[0])[0]
    assert shown["dataset"] == HOSTILE
    assert shown["names"][0] == HOSTILE and HOSTILE in shown["labels"][0]


@pytest.mark.parametrize("shown", [False, True])
def test_the_explorer_says_of_which_degree_its_pictures_are(shown: bool, tmp_path: Path) -> None:
    given = section(tmp_path / "x", "a", make_scores("a"), (100,))
    write_json(given.files["explorer"], make_explorer("a"))
    output = tmp_path / "report.html"
    build_report("T", [given], {"presentation": {"show_originals": shown}}, {}, output)
    said = "of the highest degree, whatever degree is compared"
    assert (said in output.read_text()) == shown  # the others have all found regions hidden


def test_what_is_missing_or_no_png(tmp_path: Path) -> None:
    results = write_results(tmp_path / "r", SCORES.iloc[:0])
    pd.DataFrame(columns=["path", "reason"]).to_csv(results["skipped"], index=False)
    nowhere = {key: tmp_path / "nowhere" / path for key, path in (FILES | UNTOLD).items()}
    sections = [
        DatasetSection("empty", results, [Table("retrieval", "empty", 100)]),
        DatasetSection(
            "lost", nowhere, [Table("retrieval", "lost", 100)], (), {100: tmp_path / "no"}
        ),
    ]
    page = Page(build(tmp_path / "report.html", sections))
    words = " ".join(page.text)
    # on each first page and in the overview
    assert words.count("There is no result yet: no search was run on these images.") == 4
    assert "Not run: no scenario of this table has a score." in words
    assert page.open == [] and not page.all("img")
    (tmp_path / "figure.png").write_bytes(b"GIF89a")
    with pytest.raises(InputError, match=r"figure\.png: is not a PNG"):
        pictures([(Figure("trend", "a"), tmp_path / "figure.png")], "trend")


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


TEXT_COLOURS = ("ink", "soft", "accent", "good", "mixed", "bad")


def test_text_has_contrast_in_light_and_dark(root: Path) -> None:
    style = (root / "src/anonbench/reporting/html/style.css").read_text()
    themes = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]
    assert len(themes) == 2
    light = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", themes[0]))
    dark = light | dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", themes[1]))
    assert dark != light
    for colours in (light, dark):
        for text in TEXT_COLOURS:
            for ground in ("ground", "raised"):
                assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        assert contrast(colours["ink"], colours["best"]) >= 4.5
    # text on pictures' white ground is the same in both themes
    assert contrast("#545d68", "#ffffff") >= 4.5
    used = {*re.findall(r"(?<![\w-])color: ([^;]+);", style)}
    assert used - {f"var(--{name})" for name in TEXT_COLOURS} == {"#545d68"}


HIDDEN = {"presentation": {"show_originals": False, "confidence": 0.9}}
RETRAINED = make_scores("d", control=True)
RANKED = RETRAINED["metric"].isin(["map", "mndcg"])


def page(folder: Path, *sections: DatasetSection) -> str:
    """Return the text of a report; none of it is a NaN."""
    output = folder / "report.html"
    build_report("Title", sections, HIDDEN, {"anonbench": "0"}, output)
    text = re.sub(r"<(script|style)[^>]*>.*?</\1>", " ", output.read_text(), flags=re.DOTALL)
    words = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())
    assert not re.findall(r".{40}\b(?:nan|NaN|None|inf|<NA>)\b", words)
    return words.partition("How to read the numbers")[0]


def few_clusters(folder: Path, name: str) -> DatasetSection:
    """Return a data set of three clusters, which has no intervals."""
    scores = make_scores(name, control=True).assign(low=np.nan, high=np.nan, clusters=3)
    return section(folder, name, scores, (100,))


def test_what_is_too_few_or_missing_is_the_reason_and_counts_for_nothing(tmp_path: Path) -> None:
    few = few_clusters(tmp_path / "e", "e")
    both = page(tmp_path, section(tmp_path, "d", make_scores("d"), (100,)), few)
    retrieval = both.partition("Retrieval d:")[2].partition(".")[0]
    assert "of the search quality" in retrieval and "e:" not in retrieval
    why = "these images show only 3 different persons or documents, and at least 8 are needed"
    said = page(tmp_path, few)
    assert f"How sure? Search quality is not known yet: {why}." in said
    assert "of the search quality" not in said and "Use " not in said
    once = page(tmp_path, section(tmp_path, "d", make_scores("d"), (100,)))
    assert once.count("no test by a second reference (control_seeds in the config)") == 2
    assert "What adapting gains is not known" in once


@pytest.mark.slow
@pytest.mark.parametrize(
    "left", [RETRAINED[~RANKED], RETRAINED.iloc[:0]], ids=["no retrieval", "nothing"]
)
def test_scores_without_a_value_are_no_answer(tmp_path: Path, left: pd.DataFrame) -> None:
    given = section(tmp_path, "d", left, (100,))
    if len(left):
        numbers = RETRAINED[["value", "low", "high", "se"]].where(~RANKED)
        RETRAINED.assign(**numbers).to_csv(given.files["scores"], index=False)
    said = page(tmp_path, given)
    assert "There is no result yet: no search was run on these images." in said
    assert said.count("cannot be told") == 6 and "keeps" not in said.partition("Retrieval")[0]


@pytest.mark.slow
def test_what_chance_does_as_well_is_said(tmp_path: Path) -> None:
    flat = make_scores("d").assign(value=0.1, low=0.08, high=0.12, chance=0.1, floor=0.09)
    given = section(tmp_path, "d", flat, (100,))
    write_csv(table_of(), tmp_path / "policy.csv")
    given = replace(given, files=given.files | {"policy": tmp_path / "policy.csv"})
    assert "may be no better than chance" in page(tmp_path, given)
    sharper = flat.assign(value=0.16, low=0.14, high=0.18)
    sharper.to_csv(given.files["scores"], index=False)
    assert "no better than chance" not in page(tmp_path, given)
