"""The review in Chromium: by mouse, by keyboard, in two tabs, and after the command has ended."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from visiting import Open

from anonbench.config import Config
from anonbench.detection.review.server import ReviewServer
from reviewed_archive import NAME, detect, make_archive, review

NAMES = ["<img src=x onerror=alert(1)>.png", "b.png", "c.png"]
Serve = Callable[[], ReviewServer]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    detect(make_archive(folder, NAMES))
    return folder


@pytest.fixture
def config(searched: Path, tmp_path: Path) -> Config:
    shutil.copytree(searched, tmp_path, dirs_exist_ok=True)
    return make_archive(tmp_path, NAMES)


@pytest.fixture
def serve(config: Config) -> Iterator[Serve]:
    """Return a function that starts the review, as the command would after an end."""
    with ExitStack() as stack:

        def start() -> ReviewServer:
            server = stack.enter_context(ReviewServer(review(config, sample=3)))
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            stack.callback(server.shutdown)
            return server

        yield start


def text(config: Config) -> str:
    path = config.datasets[NAME].corrections
    return path.read_text() if path is not None and path.exists() else ""


def expect(locator: Any) -> Any:
    """Return playwright's assertion that waits; the page's policy forbids waiting by a function."""
    from playwright.sync_api import expect

    return expect(locator)


def ready(page: Any) -> Any:
    expect(page.locator("#confirm")).to_be_enabled()
    return page


def at(page: Any, x: float, y: float) -> tuple[float, float]:
    """Return where a pixel of the original is in the window."""
    box = page.locator("#regions").bounding_box()
    scale = box["width"] / 200
    return box["x"] + x * scale, box["y"] + y * scale


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*at(page, *start))
    page.mouse.down()
    page.mouse.move(*at(page, *end), steps=3)
    page.mouse.up()


def regions(page: Any) -> list[str]:
    return page.locator("#rows button").all_inner_texts()


def shown(page: Any) -> str:
    return page.locator("#name").inner_text()


def confirm(page: Any) -> None:
    before = page.locator("#count").inner_text()
    page.get_by_role("button", name="Confirm").click()
    expect(page.locator("#count")).not_to_have_text(before)
    ready(page)


def test_regions_are_changed_by_mouse(config: Config, serve: Serve, visit: Open) -> None:
    server = serve()
    page = ready(visit(server.address).page)
    name, number = shown(page), server.review.entries[0].id
    assert name == number
    x0 = server.review.image(0)["regions"][0]["box"][0]
    page.get_by_role("radio", name="barcode").check()
    drag(page, (100.4, 70.4), (159.6, 89.6))
    assert "barcode, 60 × 20 at 100, 70, added" in regions(page)
    drag(page, (130, 80), (120, 85))
    assert "barcode, 60 × 20 at 90, 75, added" in regions(page)
    drag(page, (150, 95), (180, 110))
    assert "barcode, 90 × 35 at 90, 75, added" in regions(page)
    page.mouse.click(*at(page, x0 + 25, 30))  # a click alone moves nothing
    drag(page, (x0 + 25, 30), (x0 + 27, 33))
    assert f"text, 50 × 20 at {x0 + 2:.0f}, 23, added" in regions(page)
    assert page.locator("#removed li").count() == 1
    page.keyboard.press("Delete")
    assert len(regions(page)) == 1
    page.get_by_role("button", name="Undo").click()
    assert len(regions(page)) == 2
    assert (
        text(config) == "" and "1 changed and not confirmed" in page.locator("#count").inner_text()
    )
    confirm(page)
    assert shown(page) == server.review.entries[1].id
    after = {(str(r.entity), r.x0, r.y0, r.x1, r.y1) for r in detect(config)[number]}
    assert after == {("barcode", 90, 75, 180, 110), ("text", x0 + 2, 23, x0 + 52, 43)}


def test_regions_are_changed_by_keyboard_alone(config: Config, serve: Serve, visit: Open) -> None:
    server = serve()
    page = ready(visit(server.address).page)
    number = server.review.entries[0].id
    x0 = server.review.image(0)["regions"][0]["box"][0]
    press = page.keyboard.press
    assert page.evaluate("document.activeElement.id") == "stage"
    press("Tab")
    assert "text, 50 × 20" in page.evaluate("document.activeElement.getAttribute('aria-label')")
    for key in ("ArrowRight", "ArrowDown", "Shift+ArrowDown", "d", "Shift+s"):
        press(key)
    assert regions(page) == [f"text, 51 × 30 at {x0 + 1:.0f}, 31, added"]
    for _ in range(20):
        press("Shift+ArrowLeft")  # no further than the edge
    assert regions(page) == ["text, 51 × 30 at 0, 31, added"]
    press("4")
    assert regions(page) == ["mrz, 51 × 30 at 0, 31, added"]
    press("n")
    assert len(regions(page)) == 2
    press("Delete")
    press("Control+z")
    press("z")
    assert len(regions(page)) == 1
    press("Enter")
    expect(page.locator("#count")).to_have_text("1 of 3 looked at")
    ready(page)
    assert shown(page) == server.review.entries[1].id
    press("k")
    ready(page)
    assert "looked at" in page.locator("#why").inner_text()
    assert " · lowest score" in page.locator("#why").inner_text()  # which is no doubt
    after = detect(config)[number]
    assert [(str(r.entity), r.x0, r.y0, r.x1, r.y1) for r in after] == [("mrz", 0, 31, 51, 61)]


def test_a_restart_keeps_the_place(config: Config, serve: Serve, visit: Open) -> None:
    page = ready(visit(serve().address).page)
    page.locator("#stage").press("n")
    confirm(page)
    before = text(config)
    again = ready(visit(serve().address).page)
    assert "1 of 3 looked at" in again.locator("#count").inner_text()
    again.get_by_role("button", name="Previous").click()
    ready(again)
    assert len(regions(again)) == 2 and text(config) == before
    name = shown(again)
    again.get_by_role("button", name="Confirm").click()
    expect(again.locator("#name")).not_to_have_text(name)
    assert text(config) == before


def test_a_second_tab_is_told_and_loads_it_again(config: Config, serve: Serve, visit: Open) -> None:
    server = serve()
    first, found = ready(visit(server.address).page), visit(server.address)
    second = ready(found.page)
    first.locator("#stage").press("n")
    confirm(first)
    before = text(config)
    second.get_by_role("button", name="Confirm").click()
    alert = second.get_by_role("alert")
    alert.wait_for()
    assert "Another tab or program" in alert.inner_text() and text(config) == before
    second.get_by_role("button", name="Load it again").click()
    expect(alert).to_be_hidden()
    ready(second)
    assert len(regions(second)) == 2
    problems = [problem for problem in found.problems if "409" not in problem]
    found.problems[:] = problems


def test_missing_files_and_ended_commands(config: Config, serve: Serve, visit: Open) -> None:
    server = serve()
    entry = server.review.entries[0]
    (config.datasets[NAME].path / entry.path).unlink()
    found = visit(server.address)
    page = found.page
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "The file of this image is missing" in alert.inner_text()
    assert page.get_by_role("button", name="Confirm").is_disabled()
    page.get_by_role("button", name="Next").click()
    ready(page)
    assert alert.is_hidden()
    server.shutdown()
    server.server_close()
    page.get_by_role("button", name="Confirm").click()
    alert.wait_for()
    assert "start the command again" in alert.inner_text()
    found.problems[:] = [each for each in found.problems if "Failed to load resource" not in each]


def test_the_sample_s_estimate_is_told_as_it_grows(serve: Serve, visit: Open) -> None:
    page = ready(visit(serve().address).page)
    page.get_by_role("button", name="Add region").click()
    confirm(page)
    said = page.locator("#estimate").inner_text()
    assert "1 of 3 images looked at" in said and "1 of 1 images show something" in said
    page.get_by_label("Images", exact=True).select_option("sample")
    confirm(page)
    confirm(page)
    expect(page.locator("#said")).to_have_text("Confirmed. All images of this list were looked at.")


def test_a_narrow_window_fits_and_zoom_keeps_positions_exact(serve: Serve, visit: Open) -> None:
    size = {"width": 360, "height": 800}
    page = ready(visit(serve().address, viewport=size, color_scheme="dark").page)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(20, 23, 26)"
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator("#keys summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator("#confirm").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Tab")
    assert page.locator("#regions g.selected .handle").count() == 8
    for _ in range(4):
        page.locator("#stage").press("+")
    assert (
        page.locator("#sheet").bounding_box()["width"]
        > page.locator("#stage").bounding_box()["width"]
    )
    box = page.locator("#stage").bounding_box()
    x, y = box["x"] + 40, box["y"] + 40
    origin = page.locator("#regions").bounding_box()
    scale = origin["width"] / 200
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 100, y + 100, steps=2)
    page.mouse.up()
    left, top = int((x - origin["x"]) / scale), int((y - origin["y"]) / scale)
    assert any(f"at {left}, {top}, added" in each for each in regions(page))
