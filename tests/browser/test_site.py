"""The documentation as a site: builds without a warning, and asks nobody else for anything."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from string import ascii_lowercase

import pytest
from visiting import Open

from site_tools import ROOT, load

LOADS = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}
KINDS = {".md", ".ipynb"}
LISTS = re.compile(r"^\s*(?:[-*]|\d+\.) ", re.MULTILINE)


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.paragraphs: list[str] = []
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if address := given.get(LOADS.get(tag, "")):
            self.loads.append(address)
        if tag == "p":
            self._open.append("p")
            self.paragraphs.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "p" and self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open:
            self.paragraphs[-1] += data


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the site, built as `make site` does; a broken link or anchor fails here."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def pages(site: Path) -> dict[str, Page]:
    return {
        path.relative_to(site).as_posix(): Page(path.read_text("utf-8"))
        for path in site.rglob("*.html")
    }


@pytest.mark.slow
def test_every_page_is_in_the_site_and_no_markup_left(site: Path) -> None:
    found = pages(site)
    sources = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.*")]
    wanted = {path.with_suffix(".html").as_posix() for path in sources if path.suffix in KINDS}
    assert wanted - {"README.html"} <= set(found) and "index.html" in found
    for name, page in found.items():
        assert page.loads
        for address in page.loads:
            target = (site / name).parent / address.partition("?")[0].partition("#")[0]
            if name == "404.html":  # its addresses begin at the server's root
                target = site / address.lstrip("/")
            assert target.is_file(), f"{name} loads {address}"
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//|@import", sheet.read_text("utf-8"))
    # GitHub and the site read Markdown alike but for blank lines and indentation
    for name, page in pages(site).items():
        for text in page.paragraphs:
            assert not LISTS.search(text) and "| ---" not in text and "```" not in text, (
                f"{name}: {text[:200]}"
            )


def test_the_navigation_is_the_index() -> None:
    hooks = load("hooks")
    config = hooks.on_config(type("Config", (), {"mdx_configs": {"toc": {}}})())
    sections = [next(iter(each)) for each in config.nav]
    assert sections[1:] == ["Tutorials", "How-to guides", "Explanation", "Reference"]
    assert {"Changes": "changes.md"} in config.nav[-1]["Reference"]
    assert hooks.on_page_markdown("[a](../CHANGELOG.md#b)", page("README.md")) == (
        "[a](changes.md#b)"
    )
    assert hooks.on_page_markdown("[a](docs/how-to/install.md)", page("contributing.md")) == (
        "[a](how-to/install.md)"
    )


def page(source: str) -> object:
    return type("Page", (), {"file": type("File", (), {"src_uri": source})})


def test_it_is_searched_where_it_lies_on_a_disk(site: Path, visit: Open) -> None:
    page = visit(site / "index.html").page
    page.keyboard.press("/")
    page.get_by_text("Type to start searching").wait_for()
    for letter in ascii_lowercase:  # a query that the index cannot answer is a problem of the page
        page.keyboard.type(letter)
        page.keyboard.press("Backspace")
    page.keyboard.type("pixelate")
    found = page.locator("a.md-search-result__link[href$='gallery.html?h=pixelate#pixelate']").first
    found.click()
    page.wait_for_url("**/gallery.html?h=pixelate#pixelate")


def test_pages_fit_a_narrow_window_and_may_be_dark(site: Path, visit: Open) -> None:
    for name in ("index", "reference/gallery", "reference/settings", "tutorials/explore"):
        narrow = {"width": 400, "height": 800}
        page = visit(site / f"{name}.html", viewport=narrow, color_scheme="dark").page
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 400, name
        assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
        assert page.evaluate("document.body.dataset.mdColorScheme") == "slate"
