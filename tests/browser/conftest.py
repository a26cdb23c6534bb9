"""A browser that loads files and nothing else, and a report for it to open."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from visiting import Open, Visit

# the synthetic results that the tests of tables and figures stand on
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "reporting"))

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Return Debian's Chromium, or skip."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Open]:
    """Return a function that opens a file, or an address below which all that it loads must be.

    The test fails where the page had a problem.
    """
    contexts: list[Any] = []
    visits: list[Visit] = []

    def open_page(place: Path | str, **options: Any) -> Visit:
        address = place if isinstance(place, str) else place.as_uri()
        inside = (address, "blob:") if isinstance(place, str) else "file://"
        context = browser.new_context(
            viewport=options.pop("viewport", {"width": 1440, "height": 900}),
            permissions=["clipboard-read", "clipboard-write"],
            **options,
        )
        contexts.append(context)
        page = context.new_page()
        found = Visit(page)
        visits.append(found)

        def route(route: Any) -> None:
            if route.request.url.startswith(inside):
                route.continue_()
            else:
                found.problems.append(f"request: {route.request.url}")
                route.abort()

        def console(message: Any) -> None:
            if message.type in ("error", "warning"):
                found.problems.append(f"console: {message.text}")

        page.route("**/*", route)
        page.on("console", console)
        page.on("pageerror", lambda error: found.problems.append(f"exception: {error}"))
        page.goto(address)
        return found

    yield open_page
    for context in contexts:
        context.close()
    assert [problem for found in visits for problem in found.problems] == []
