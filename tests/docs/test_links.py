"""Links, index and names of pages: each leads to a page or heading that exists."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "config").glob("*.md")]
)
KINDS = ("tutorials", "how-to", "reference", "explanation")
LINK = re.compile(r"(?<!\\)\]\(([^)\s]+)\)")


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and GitLab name them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        base = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
        number = sum(each == base or each.startswith(f"{base}-") for each in found)
        found.add(f"{base}-{number}" if base in found else base)
    return found


def broken(page: Path) -> list[str]:
    """Return the relative links of a page that lead nowhere."""
    wrong = []
    for link in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    return wrong


def test_every_link_leads_somewhere(tmp_path: Path) -> None:
    assert {page: wrong for page in PAGES if (wrong := broken(page))} == {}
    page = tmp_path / "page.md"
    page.write_text(
        "# A `b`: c\n## Twice\n## Twice\n"
        "[1](#a-b-c) [2](#twice-1) [3](page.md#twice) [4](https://example.org/no)\n"
        "[5](#a-b) [6](other.md) [7](page.md#twice-2) ![8](picture.png)\n"
        "```\n# no heading\n[9](code.md)\n```\n"
    )
    assert broken(page) == ["#a-b", "other.md", "page.md#twice-2", "picture.png"]


def test_every_page_is_of_one_kind_and_in_the_index() -> None:
    index = ROOT / "docs/README.md"
    listed = {(index.parent / link).resolve() for link in LINK.findall(index.read_text("utf-8"))}
    pages = {page for page in (ROOT / "docs").rglob("*.md") if page != index}
    assert pages <= listed
    assert {page.parent.relative_to(ROOT / "docs").as_posix() for page in pages} == set(KINDS)


def test_pages_that_are_named_elsewhere_are_there() -> None:
    named = re.compile(r"\bdocs/[\w/-]+\.md|\bREADME\.md|\bCONTRIBUTING\.md")
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    count = 0
    for name in filter(None, listed.stdout.decode().split("\0")):
        file = ROOT / name
        if name.startswith("tests/docs/") or not file.is_file():
            continue
        if file.suffix in {".py", ".smk", ".yaml", ".yml", ".toml", ".md", ""}:
            for page in named.findall(file.read_text("utf-8")):
                assert (ROOT / page).is_file(), f"{name} names {page}"
                count += page.startswith("docs/")
    assert count > 15


NO_MODULES = {
    "anonbench.key",  # a file of the user's
    *("anonbench.methods", "anonbench.detectors", "anonbench.systems"),  # groups of entry points
}
FOLDERS = "benchmarks|config|envs|profiles|src|tests|tools|workflow"


def missing(text: str) -> list[str]:
    """Return the paths, modules, classes and functions that a page names and that are not there."""
    wrong = []
    for code in re.findall(r"`([^`\n]+)`", text):
        if re.fullmatch(rf"(?:{FOLDERS})/[\w./*-]+", code):
            # architecture.md names the library's files from its own folder
            places = [ROOT.glob(code), (ROOT / "src/anonbench").glob(code)]
            if not any(list(each) for each in places):
                wrong.append(code)
        elif code in NO_MODULES:
            continue
        elif re.fullmatch(r"anonbench(?:_demo)?(?:\.\w+)+", code) and not is_defined(
            code.split(".")
        ):
            wrong.append(code)
    for package, modules in re.findall(r"`(anonbench[\w.]*)`\s\(((?:`\w+`(?:, )?)+)\)", text):
        names = [f"{package}.{module}" for module in re.findall(r"\w+", modules)]
        wrong += [name for name in names if not is_defined(name.split("."))]
    return wrong


def is_defined(parts: list[str]) -> bool:
    for length in range(len(parts), 0, -1):
        place = ROOT.joinpath("src", *parts[:length])
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if file.is_file():
            text = file.read_text("utf-8")
            return all(
                re.search(rf"^ *(?:class |def |){part}\b|\bimport {part}\b", text, re.MULTILINE)
                for part in parts[length:]
            )
    return False


def test_what_a_page_names_is_there() -> None:
    of_today = [page for page in PAGES if page.name != "CHANGELOG.md"]  # it names what was there
    of_today += sorted((ROOT / "src").rglob("*.py"))
    assert {page: wrong for page in of_today if (wrong := missing(prose(page)))} == {}
    text = "`tests/docs/test_links.py` `tests/gone.py` `anonbench.core.io` `anonbench.core.made`"
    text += "`anonbench.score` `anonbench.core.io.write_csv` `anonbench.core.io.write_xml`"
    text += " `anonbench.core`\n(`io`, `lost`)"
    gone = ["tests/gone.py", "anonbench.core.made", "anonbench.core.io.write_xml"]
    gone += ["anonbench.core.lost"]
    assert missing(text) == gone


def test_every_room_is_in_the_table_and_nothing_else_is(root: Path) -> None:
    text = (root / "docs/explanation/architecture.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `(\w+)/` \|", text, flags=re.MULTILINE))
    entries = {
        path for path in (root / "src/anonbench").iterdir() if path.suffix or any(path.glob("*.py"))
    }
    assert told == {path.name for path in entries if path.is_dir()}
    assert len(told) <= 12
    assert {path.name for path in entries if path.is_file()} == {"__init__.py", "py.typed"}


def test_every_part_of_a_package_is_there(root: Path) -> None:
    text = (root / "docs/explanation/architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)/` \| (.*)$", text, flags=re.MULTILINE)
    for room, content in rows:
        folder = root / "src/anonbench" / room
        folders = {path.name for path in folder.rglob("*") if any(path.glob("*.*"))}
        modules = {path.stem for path in folder.rglob("*.py")}
        assert set(re.findall(r"`(\w+)/`", content)) - folders == set(), room
        assert set(re.findall(r"`(\w+)`", content)) - modules <= {"anonbench"}, room


def test_every_name_on_the_page_is_there(root: Path) -> None:
    text = (root / "docs/explanation/architecture.md").read_text(encoding="utf-8")
    library = root / "src/anonbench"
    rooms = "|".join(path.name for path in library.iterdir() if any(path.glob("*.py")))
    names = re.findall(rf"`((?:{rooms})(?:\.\w+)+)`", text)
    assert len(names) > 15
    for name in names:
        parts = name.split(".")
        places = [library.joinpath(*parts[:length]) for length in range(len(parts), 0, -1)]
        place = next(each for each in places if each.is_dir() or each.with_suffix(".py").is_file())
        rest = parts[len(place.relative_to(library).parts) :]
        if rest:
            source = place.with_suffix(".py").read_text(encoding="utf-8")
            assert re.search(rf"^(?:class|def) {rest[0]}\b", source, flags=re.MULTILINE), name
    for file in re.findall(r"`([\w/]+\.py)`", text):
        assert (library / file).is_file(), file


def test_tests_have_the_library_s_rooms(root: Path) -> None:
    rooms = {path.name for path in (root / "src/anonbench").iterdir() if any(path.glob("*.py"))}
    assert rooms <= {path.name for path in (root / "tests").iterdir()}
