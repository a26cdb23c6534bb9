"""The report in Chromium: opens offline, sorts, filters, copies, answers and explores."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from report_results import make_effort, section
from synthetic_results import make_scores
from visiting import Open

from anonbench.reporting.grid import Grid, GridBlock
from anonbench.reporting.html.build import build_report

CONFIG = {"presentation": {"confidence": 0.9}, "training_seeds": [0], "control_seeds": [1]}
A4 = 680  # pixels between a page's margins
GRID = Grid("g", "A grid", ("Claim", "Ours"), (GridBlock("", (("a", "1.0"),)),))
TABLE = "#table-retrieval_documents_100"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a report of a data set at two degrees, with a control, and of one without labels."""
    folder = tmp_path_factory.mktemp("report")
    scores = make_scores("documents", (50, 100), missing=(("A", "mask", 100),), control=True)
    unlabelled = make_scores("ids", labelled=False)
    build_report(
        "A title that is long enough to wrap on a narrow screen",
        [
            section(folder / "documents", "documents", scores, (50, 100)),
            section(folder / "ids", "ids", unlabelled, (100,), labelled=False),
        ],
        CONFIG,
        {"anonbench": "0.1.0"},
        folder / "report.html",
        paper=[GRID],
        effort=make_effort(folder),
    )
    return folder / "report.html"


def opened(found: Any, page: str) -> Any:
    """Open one of the report's pages with all that is folded on it."""
    found.page.locator(f"nav a[href='#{page}']").click()
    found.page.locator(f"#{page}").wait_for()
    found.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    return found.page


def column(page: Any, number: int, body: int = -1) -> list[str]:
    """Return a column's texts in the last row group of the table, without the group's heading."""
    rows = page.locator(f"{TABLE} tbody").nth(body).locator("tr:not(.block):visible")
    return [text.strip() for text in rows.locator(f"xpath=./*[{number}]").all_inner_texts()]


def test_page_opens_and_its_first_stop_is_the_answer(report: Path, visit: Open) -> None:
    found = visit(report)
    page = found.page
    assert page.title().startswith("A title")
    assert page.locator("h2:visible").all_inner_texts() == ["Overview"]
    assert page.evaluate("document.images.length") > 10
    assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.locator(".skip").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    page.wait_for_url("**#main")
    page.mouse.wheel(0, 20_000)
    assert found.problems == []


def test_the_policy_lets_nothing_else_run_or_load(report: Path, visit: Open) -> None:
    found = visit(report)
    page = found.page
    page.evaluate(
        """() => {
            const script = document.createElement('script');
            script.textContent = 'window.ran = true';
            document.body.append(script);
            const image = new Image();
            image.src = 'https://example.org/a.png';
            document.body.append(image);
            return fetch('https://example.org/').catch(() => null);
        }"""
    )
    assert page.evaluate("window.ran") is None
    assert found.problems and all("Content Security Policy" in p for p in found.problems)
    assert not any(problem.startswith("request:") for problem in found.problems)
    found.problems.clear()


def test_a_table_sorts_and_filters(report: Path, visit: Open) -> None:
    page = opened(visit(report), "models")
    head = page.locator(f"{TABLE} thead tr:last-child th").nth(1)
    before = column(page, 2)
    values = [float(re.sub(r"[^\d.]", "", text)) for text in before]
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert [float(re.sub(r"[^\d.]", "", text)) for text in column(page, 2)] == sorted(values)
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert [float(re.sub(r"[^\d.]", "", t)) for t in column(page, 2)] == sorted(values)[::-1]
    page.keyboard.press("Space")
    assert head.get_attribute("aria-sort") == "none"
    assert column(page, 2) == before
    # groups keep their headings, and what was not run comes last
    masks = page.locator(f"{TABLE} thead tr:last-child th").nth(3).get_by_role("button")
    for _ in range(2):
        masks.click()
        assert column(page, 4)[-1] == "not run"
    assert page.locator(f"{TABLE} tbody:last-child tr").first.get_attribute("class") == "block"
    page = opened(visit(report), "models")
    box = page.get_by_role("searchbox", name=re.compile("Retrieval.*documents, 100"))
    every = page.locator(f"{TABLE} tbody tr:visible").count()
    box.fill("retrained")
    shown = page.locator(f"{TABLE} tbody tr:not(.block):visible")
    assert 0 < shown.count() < every
    assert all("retrained" in text for text in shown.all_inner_texts())
    assert re.fullmatch(r"\d+ of \d+ rows", toolbar(page).get_by_role("status").inner_text())
    box.fill("anonymized query retrained")
    assert shown.count() == 1 and page.locator(f"{TABLE} .block:visible").count() == 1
    box.fill("nothing is called this")
    assert page.locator(f"{TABLE} tbody tr:visible").count() == 0
    box.fill("")
    assert page.locator(f"{TABLE} tbody tr:visible").count() == every


def toolbar(page: Any) -> Any:
    return page.locator(".toolbar", has=page.locator("xpath=following-sibling::*[1]")).filter(
        has=page.get_by_role("searchbox", name=re.compile("Retrieval.*documents, 100"))
    )


def test_a_table_is_copied_as_it_is_seen(report: Path, visit: Open) -> None:
    page = opened(visit(report), "models")
    bar = toolbar(page)
    bar.get_by_role("searchbox").fill("original query")
    bar.get_by_role("button", name="Copy as TSV").click()
    bar.get_by_text("Copied.").wait_for()
    lines = page.evaluate("navigator.clipboard.readText()").split("\n")
    cells = [line.split("\t") for line in lines]
    assert {len(row) for row in cells} == {7}
    assert cells[0][1] == "mAP" and cells[1] == ["Model", *["Pixelate", "Blur", "Mask"] * 2]
    assert [row[0] for row in cells[2:]] == [
        "With original query images",
        *["Unadapted", "Unadapted, retrained", "A", "B", "C"],
    ]
    assert cells[5][3] == "not run" and "–" not in "".join(lines)
    bar.get_by_role("checkbox").check()
    bar.get_by_role("button", name="Copy as TSV").click()
    page.wait_for_function("navigator.clipboard.readText().then(t => t.includes('–'))")


def test_the_reader_chooses_model_degree_and_queries(report: Path, visit: Open) -> None:
    page = visit(report).page
    page.locator("nav a[href='#data-documents']").click()
    form = page.locator("#data-documents .chooser")
    rows = page.locator("#data-documents .methods tbody tr:visible")
    rows.first.wait_for()
    assert rows.count() == 3  # one a method, the best
    form.locator("[name=model]").select_option("A")
    form.locator("[name=query]").select_option("anonymized")
    form.locator("[name=degree]").select_option("50")
    found = [rows.nth(i) for i in range(rows.count())]
    assert {row.get_attribute("data-method") for row in found} == {"pixelate", "blur", "mask"}
    for row in found:
        for name, value in (("model", "A"), ("query", "anonymized"), ("degree", "50")):
            assert row.get_attribute(f"data-{name}") == value
    form.locator("[name=degree]").select_option("100")  # A has no mask at 100
    assert {rows.nth(i).get_attribute("data-method") for i in range(2)} == {"pixelate", "blur"}
    assert rows.count() == 2


def test_one_page_is_shown_at_a_time_and_the_address_names_it(report: Path, visit: Open) -> None:
    page = visit(report).page
    for name in ("retrieval", "data-ids", "provenance"):
        page.locator(f"nav a[href='#{name}']").click()
        page.locator(f"#{name}").wait_for()
        seen = page.evaluate(
            "[...document.querySelectorAll('main > .page')]"
            ".filter(p => p.offsetHeight).map(p => p.id)"
        )
        assert seen == [name] and page.url.endswith(f"#{name}")
        current = page.locator("nav a[aria-current=page]")
        assert current.count() == 1 and current.get_attribute("href") == f"#{name}"
    page.go_back()
    page.locator("#data-ids").wait_for()
    page.evaluate("location.hash = 'reading'")  # a place on a page
    page.locator("#statistics").wait_for()
    assert page.locator("#reading").is_visible()


def shown(page: Any, which: str) -> list[list[str]]:
    items = page.locator(f"#{which}-list li")
    return [[line for line in text.split("\n") if line] for text in items.all_inner_texts()]


def test_the_explorer_by_mouse(report: Path, visit: Open) -> None:
    page = opened(visit(report), "images")
    data = json.loads(page.locator("#explorer-data").text_content())[0]
    scenario = data["scenarios"][0]

    def lines(results: dict[str, Any]) -> list[list[str]]:
        return [
            [
                data["names"][image],
                "✓ match" if rank <= data["k"] else "✗ no match",
                f"cosine {similarity:.3f}",
                f"ref. rank {rank}",
                data["labels"][image],
            ]
            for image, similarity, rank in zip(
                results["images"], results["similarities"], results["ranks"], strict=True
            )
        ]

    assert shown(page, "reference") == lines(data["queries"][0])
    assert shown(page, "scenario") == lines(scenario["results"][0])
    page.locator(".queries label").nth(2).click()
    assert shown(page, "reference") == lines(data["queries"][2])
    assert shown(page, "scenario") == lines(scenario["results"][2])
    explorer = page.locator("#explore form")
    explorer.get_by_label("Model").select_option("A")
    explorer.get_by_label("Query images").select_option("anonymized")
    explorer.get_by_label("Degree").select_option("100")
    wanted = {"method": "blur", "degree": 100, "adaption": "A", "query": "anonymized"}
    scenario = next(s for s in data["scenarios"] if wanted.items() <= s.items())
    assert shown(page, "scenario") == lines(scenario["results"][2])
    heading = page.locator("#scenario-head").inner_text().replace("\u00a0", " ")
    assert heading == "Scenario: Blur, 100 %, Adaption A, anonymized query"
    # a method that lacks the degree gives the one that it has, and the query stays
    explorer.get_by_label("Degree").select_option("50")
    explorer.get_by_label("Method").select_option("mask")
    assert explorer.get_by_label("Degree").input_value() == "100"
    assert shown(page, "reference") == lines(data["queries"][2])
    explorer.get_by_label("Data set").select_option("1")
    assert page.locator("#reference-list li").count() == 5
    matches = page.locator("#scenario-list li.match").count()
    assert f"{matches} of which are matches" in page.locator("#explore-summary").inner_text()


def test_the_explorer_by_keyboard(report: Path, visit: Open) -> None:
    page = opened(visit(report), "images")
    page.locator("#explore select[name=query]").focus()
    first = shown(page, "reference")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "asked"
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.value") == "1"
    assert shown(page, "reference") != first
    page.keyboard.press("ArrowLeft")
    assert shown(page, "reference") == first
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("ArrowDown")
    assert "anonymized query" in page.locator("#scenario-head").inner_text()


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (768, "light"), (1440, "light")])
def test_the_page_fits_every_width(report: Path, visit: Open, width: int, scheme: str) -> None:
    page = visit(report, viewport={"width": width, "height": 900}, color_scheme=scheme).page
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 26)"}[scheme]
    for link in page.locator("nav a").all():
        page.evaluate("h => { location.hash = h; }", link.get_attribute("href"))
        page.wait_for_timeout(50)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_a_phone_a_row_is_a_card(report: Path, visit: Open) -> None:
    page = visit(report, viewport={"width": 390, "height": 900}).page
    for link in ("#overview", "#data-documents"):
        page.locator(f"nav a[href='{link}']").click()
        region = page.locator(f"{link} .scroll")
        assert region.evaluate("e => e.scrollWidth <= e.clientWidth")
        cells = region.locator("tbody tr:visible :is(th, td)").all()
        assert cells and all(cell.bounding_box()["width"] > 300 for cell in cells)  # type: ignore[index]
    kept = page.locator("#data-documents td[data-head]").first
    assert kept.evaluate("e => getComputedStyle(e, '::before').content") == '"Quality kept"'


def test_a_first_page_fits_two_screens_and_one_sheet(report: Path, visit: Open) -> None:
    page = visit(report, viewport={"width": 1400, "height": 1000}).page
    page.locator("nav a[href='#data-documents']").click()
    page.locator("#data-documents").wait_for()
    assert page.evaluate("document.documentElement.scrollHeight") <= 2000
    assert len(page.locator("#data-documents").inner_text().split()) <= 280  # 250, and the form's
    page.emulate_media(media="print")
    page.set_viewport_size({"width": A4, "height": 900})
    box = page.locator("#data-documents").bounding_box()
    assert box is not None and box["height"] <= A4 * 267 / 180


def test_without_javascript_the_page_still_tells_all(report: Path, visit: Open) -> None:
    page = visit(report, java_script_enabled=False).page
    assert page.locator(".sentence:visible").count() == 2
    page.locator("summary", has_text="Retrieval quality").first.click()
    assert page.locator(".methods tbody tr:visible").count() == 6
    assert page.get_by_text("The explorer needs JavaScript").is_visible()
    assert not page.locator(".chooser").first.is_visible()


def test_on_paper_nothing_is_cut_off_and_controls_are_left_out(report: Path, visit: Open) -> None:
    page = visit(report, viewport={"width": A4, "height": 900}).page
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= A4
    wider = f"""[...document.querySelectorAll('table, figure, pre')].filter(
        item => item.getBoundingClientRect().right > {A4} + 1
    ).map(item => item.id || item.innerText.slice(0, 60))"""
    assert page.evaluate(wider) == []
    for place in ("nav", ".toolbar", ".controls", ".skip"):
        assert not any(item.is_visible() for item in page.locator(place).all()), place
    assert page.locator(".methods").first.is_visible()
    assert page.locator("#reference-list").is_visible()
    assert page.pdf()[:5] == b"%PDF-"
