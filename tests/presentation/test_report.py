from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from synthetic_results import make_correlations, make_quality, make_scores, write_results

from anonbench.errors import InputError
from anonbench.experiment import Figure, Table
from anonbench.presentation.layout import lay_out
from anonbench.presentation.report.build import (
    DatasetSection,
    build_report,
    correlation_rows,
    data_uri,
    skip_reasons,
)

CONFIG = {"title": "T", "presentation": {"show_originals": False, "confidence": 0.9}}
VERSIONS = {"anonbench": "0.1.0", "torch": "2.13.0"}


class Page(HTMLParser):
    """Collects what a page is made of."""

    VOID = frozenset({"meta", "img", "br", "link"})

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


def section(
    folder: Path, name: str, scores: pd.DataFrame, degrees: Sequence[int], labelled: bool = True
) -> DatasetSection:
    results = write_results(folder, name, scores)
    png = folder / "figure.png"
    Image.new("RGB", (900, 300), "white").save(png)
    correlation = folder / "correlation.csv"
    make_correlations(undefined=True).to_csv(correlation, index=False)
    quality = folder / "quality.csv"
    make_quality().to_csv(quality, index=False)
    figures = [Figure("examples", name), Figure("attention", name), Figure("learning", name)]
    figures += [Figure("detection", name)]
    figures += [Figure("schedules", name)]
    figures += [Figure("trend", name, None, "map", "original")]
    figures += [Figure("correlation", name, degree) for degree in degrees if labelled]
    kinds = ("retrieval", "downstream") if labelled else ("retrieval",)
    return DatasetSection(
        name,
        results.scores,
        results.counts,
        results.skipped,
        [Table(kind, name, degree) for degree in degrees for kind in kinds],
        [(figure, png) for figure in figures],
        dict.fromkeys(degrees, correlation) if labelled else {},
        quality if labelled else None,
    )


@pytest.fixture
def sections(tmp_path: Path, scores: pd.DataFrame) -> list[DatasetSection]:
    """Return a data set at two degrees with a missing model, one without labels, one with seeds."""
    ids = make_scores("ids", labelled=False)
    portraits = make_scores("portraits", seeds=(0, 1))
    return [
        section(tmp_path / "documents", "documents", scores, (50, 100)),
        section(tmp_path / "ids", "ids", ids, (100,), labelled=False),
        section(tmp_path / "portraits", "portraits", portraits, (100,)),
    ]


def build(output: Path, sections: Sequence[DatasetSection], title: str = "Report") -> str:
    build_report(title, sections, CONFIG, VERSIONS, output)
    return output.read_text()


def test_page_is_whole_and_needs_nothing_else(
    tmp_path: Path, sections: list[DatasetSection]
) -> None:
    text = build(tmp_path / "report.html", sections)
    page = Page(text)
    assert page.open == []
    assert not page.all("script") and not page.all("link") and not page.all("iframe")
    for _, attributes in page.tags:
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:image/png;base64,")), value
        assert not any(name.startswith("on") for name in attributes)
    style = text.split("<style>")[1].split("</style>")[0]
    assert "url(" not in style and "@import" not in style
    assert "//" not in style
    policy = [meta for meta in page.all("meta") if "http-equiv" in meta]
    assert policy[0]["content"].startswith("default-src 'none'")


def test_page_is_accessible(tmp_path: Path, sections: list[DatasetSection]) -> None:
    text = build(tmp_path / "report.html", sections)
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


def test_page_shows_everything_given(
    tmp_path: Path, scores: pd.DataFrame, sections: list[DatasetSection]
) -> None:
    text = build(tmp_path / "report.html", sections)
    page = Page(text)
    assert len(page.all("img")) == sum(len(s.figures) for s in sections)
    layout = lay_out(Table("retrieval", "documents", 100), scores)
    body = text.split('id="table-retrieval_documents_100"')[1].split("</table>")[0]
    cells = re.findall(r"<td class=\"number[^>]*>(?:<strong>)?([^<]*)", body)
    expected = [cell.text for b in layout.blocks for row in b.rows for cell in row.cells]
    assert cells == expected and "not run" in cells
    assert body.count("<strong>") - 1 == sum(
        cell.best for b in layout.blocks for row in b.rows for cell in row.cells
    )
    words = " ".join(page.text)
    assert "ids: not run, the data set has no labels." in words
    assert "240 queries" in words and "2 seeds" in words and "90 % interval" in words
    assert "linear is constant" in words
    assert "Originals are not shown." in words
    assert "show_originals: false" in words
    for version in VERSIONS.values():
        assert version in words
    assert "empty file" in words and "secret name" not in text
    assert not re.search(r"\bnan\b", text.replace("data:image", ""), re.IGNORECASE)


def test_detection_quality_is_shown_where_it_was_measured(
    tmp_path: Path, sections: list[DatasetSection]
) -> None:
    text = build(tmp_path / "report.html", sections)
    table = text.split("How well the detectors hide")[2].split("</table>")[0]
    assert re.findall(r'<th scope="row">([^<]*)</th><td>([^<]*)</td>', table) == [
        (name, entity) for name in ("documents", "portraits") for entity in ("Face", "Text", "All")
    ]
    assert '50.0 <span class="interval">' in table and '<td class="number none">–</td>' in table
    assert "documents/quality/summary.csv" in text and "ids/quality/summary.csv" not in text


def test_names_are_escaped(tmp_path: Path) -> None:
    name = '<script>alert("1")</script>&'
    hostile = section(tmp_path / "x", name, make_scores(name), (100,))
    pd.DataFrame({"path": ["a"], "reason": [name]}).to_csv(hostile.skipped, index=False)
    counts = pd.read_csv(hostile.counts)
    counts.assign(split=name).to_csv(hostile.counts, index=False)
    output = tmp_path / "report.html"
    build_report(name, [hostile], {"title": name}, {name: name}, output)
    text = output.read_text()
    assert "<script" not in text and 'alert("' not in text
    assert "&lt;script&gt;" in text
    page = Page(text)
    assert not page.all("script")
    assert page.open == []


def test_same_results_give_the_same_bytes(tmp_path: Path, sections: list[DatasetSection]) -> None:
    build(tmp_path / "a.html", sections)
    build(tmp_path / "deep/b.html", sections)
    data = (tmp_path / "a.html").read_bytes()
    assert data == (tmp_path / "deep/b.html").read_bytes()
    assert str(tmp_path).encode() not in data


def test_nothing_to_show_is_still_a_page(tmp_path: Path) -> None:
    results = write_results(tmp_path / "r", "empty", make_scores("empty").iloc[:0])
    pd.DataFrame(columns=["path", "reason"]).to_csv(results.skipped, index=False)
    bare = DatasetSection("empty", results.scores, results.counts, results.skipped, [], [])
    page = Page(build(tmp_path / "report.html", [bare]))
    words = " ".join(page.text)
    assert "no answer yet" in words and "Every listed file could be used." in words
    assert page.open == [] and not page.all("img")
    targets = {str(a["href"])[1:] for a in page.all("a")}
    assert targets <= {a.get("id") for _, a in page.tags}


def test_reasons_are_counted_without_names(tmp_path: Path) -> None:
    path = tmp_path / "skipped.csv"
    pd.DataFrame(
        [("a", "truncated"), ("b", "empty file"), ("c", "truncated"), ("d", None)],
        columns=["path", "reason"],
    ).to_csv(path, index=False)
    assert skip_reasons(path) == [("truncated", 2), ("empty file", 1), ("no reason recorded", 1)]


def test_each_pair_of_metrics_is_listed_once(tmp_path: Path) -> None:
    path = tmp_path / "correlation.csv"
    make_correlations(undefined=True).to_csv(path, index=False)
    rows = correlation_rows("documents", 100, path).rows
    assert len(rows) == 15 and len({row[0] for row in rows}) == 15
    undefined = [row for row in rows if row[1] == "–"]
    assert len(undefined) == 5
    assert all(row[2] == row[3] == "–" and row[5] == "linear is constant" for row in undefined)


def test_what_is_no_png_is_refused(tmp_path: Path) -> None:
    (tmp_path / "figure.png").write_bytes(b"GIF89a")
    with pytest.raises(InputError, match=r"figure\.png: is not a PNG"):
        data_uri(tmp_path / "figure.png")


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_text_has_contrast_in_light_and_dark(root: Path) -> None:
    style = (root / "src/anonbench/presentation/report/style.css").read_text()
    themes = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]
    assert len(themes) == 2
    for theme in themes:
        colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", theme))
        for text in ("ink", "soft", "accent"):
            for ground in ("ground", "raised"):
                assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        assert contrast(colours["ink"], colours["best"]) >= 4.5
