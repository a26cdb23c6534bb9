"""Pages: their links, names, sizes and words."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

from site_tools import ROOT, load

SETTINGS = load("settings_page")
PLACES = (ROOT.glob("*.md"), (ROOT / "docs").rglob("*.md"), (ROOT / "config").glob("*.md"))
PAGES = sorted(chain(*PLACES))
KINDS = ("tutorials", "how-to", "reference", "explanation")
LINK = re.compile(r"(?<!\\)\]\(([^)\s]+)\)")


def prose(page: Path) -> str:
    return re.sub(r"^ *```.*?^ *```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def broken(page: Path) -> list[str]:
    """Return the relative links of a page that lead nowhere; of headings, the first of its name."""
    wrong = []
    for link in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        headings = re.findall(r"^#+ (.+)$", prose(target), re.MULTILINE) if anchor else []
        plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings)
        found = not anchor or anchor in map(SETTINGS.anchor, plain)
        if not (target.exists() and found):
            wrong.append(link)
    return wrong


def test_every_link_leads_somewhere(tmp_path: Path) -> None:
    assert {page: wrong for page in PAGES if (wrong := broken(page))} == {}
    page = tmp_path / "page.md"
    page.write_text(
        "# A `b`: c\n## [Linked](x)\n[1](#a-b-c) [2](page.md#linked) [3](https://example.org/no)\n"
        "[4](#a-b) [5](other.md) ![6](picture.png)\n```\n# no heading\n[7](code.md)\n```\n"
    )
    assert broken(page) == ["x", "#a-b", "other.md", "picture.png"]


def test_pages_are_of_one_kind_and_their_names_lead_somewhere() -> None:
    index = ROOT / "docs/README.md"
    listed = {(index.parent / link).resolve() for link in LINK.findall(index.read_text("utf-8"))}
    pages = {page for page in (ROOT / "docs").rglob("*.md") if page != index}
    assert pages <= listed
    assert {page.parent.relative_to(ROOT / "docs").as_posix() for page in pages} == set(KINDS)
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


def test_the_architecture_names_all_that_is_there(root: Path) -> None:
    text = (root / "docs/explanation/architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)/` \| (.*)$", text, flags=re.MULTILINE)
    for room, content in rows:
        folder = root / "src/anonbench" / room
        folders = {path.name for path in folder.rglob("*") if any(path.glob("*.*"))}
        modules = {path.stem for path in folder.rglob("*.py")}
        assert set(re.findall(r"`(\w+)/`", content)) - folders == set(), room
        assert set(re.findall(r"`(\w+)`", content)) - modules <= {"anonbench"}, room
    library = root / "src/anonbench"
    rooms = [path.name for path in library.iterdir() if any(path.glob("*.py"))]
    names = re.findall(rf"`((?:{'|'.join(rooms)})(?:\.\w+)+)`", text)
    assert len(names) > 15
    assert [name for name in names if not is_defined(f"anonbench.{name}".split("."))] == []
    for file in re.findall(r"`([\w/]+\.py)`", text):
        assert (library / file).is_file(), file
    told = set(re.findall(r"^\| `(\w+)/` \|", text, flags=re.MULTILINE))
    entries = {path for path in library.iterdir() if path.suffix or any(path.glob("*.py"))}
    assert told == {path.name for path in entries if path.is_dir()}
    assert {path.name for path in entries if path.is_file()} == {"__init__.py", "py.typed"}
    assert set(rooms) <= {path.name for path in (root / "tests").iterdir()}


GUIDES = sorted((ROOT / "docs/how-to").glob("*.md"))
GENERATED = re.compile(r"^<!-- Writ(?:ten|e)\b.*Do not edit", flags=re.MULTILINE)
REFERENCE = sorted((ROOT / "docs/reference").glob("*.md"))
HAND_WRITTEN = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "docs/README.md")),
    *sorted((ROOT / "docs/tutorials").glob("*.md")),
    *GUIDES,
    *sorted((ROOT / "docs/explanation").glob("*.md")),
    *(page for page in REFERENCE if not GENERATED.search(page.read_text("utf-8"))),
]
MOST_CHARACTERS, MOST_IN_A_CELL, MOST_IN_ALL = 120, 160, 5000
MOST_SHOWN, MOST_FOLDS = 46, 5
"""Lines that fill a screen of 1,400 x 1,000 pixels, and closed folds of a guide."""
FOLD = re.compile(r"<details\b(?![^>]*\bopen\b).*?</details>", flags=re.DOTALL)
BY_NAME = {"ids": lambda page: str(page.relative_to(ROOT))}


def too_long(text: str) -> list[str]:
    """Lines of prose and cells of tables that are too long; what a command prints is not ours."""
    found = []
    for line in re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE).splitlines():
        is_row = line.lstrip().startswith("|")
        parts = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)] if is_row else [line]
        most = MOST_IN_A_CELL if is_row else MOST_CHARACTERS
        found += [part for part in parts if len(part) > most]
    return found


def shown(text: str) -> list[str]:
    """Lines of a page before its folds are opened: a closed fold is one line, a comment none."""
    return re.sub(r"<!--.*?-->\n?", "", FOLD.sub("fold", text), flags=re.DOTALL).splitlines()


@pytest.mark.parametrize("page", HAND_WRITTEN, **BY_NAME)
def test_lines_and_cells_are_short(page: Path) -> None:
    assert too_long(page.read_text("utf-8")) == []


@pytest.mark.parametrize("page", GUIDES, **BY_NAME)
def test_a_guide_is_short_and_fits_one_screen(page: Path) -> None:
    text = page.read_text("utf-8")
    assert len(shown(text)) <= MOST_SHOWN and len(FOLD.findall(text)) <= MOST_FOLDS


def test_all_hand_written_pages_are_short() -> None:
    pages = [page for page in HAND_WRITTEN if page.name != "CONTRIBUTING.md"]
    assert sum(len(page.read_text("utf-8").splitlines()) for page in pages) <= MOST_IN_ALL


_ALSO_WORDS = {"LayerScale", "VisionTransformer"}
_TWO_HUMPS = re.compile(r"[A-Z]+[a-z]+[A-Z]\w*")
_CODE = re.compile(r"```.*?```|`[^`]*`|<!--.*?-->", re.DOTALL)
_GONE = re.compile(
    r"\b(anew|mend(s|ed)?|way out|for want of|in (plain )?sight|as (it|they) (was|were))\b"
)
"""Words that a reader stumbles over: again, fix, hint, lack, visible, unchanged."""
Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@cache
def modules() -> dict[Path, ast.Module]:
    files = sorted((ROOT / "src").rglob("*.py"))
    return {file.relative_to(ROOT): ast.parse(file.read_text("utf-8")) for file in files}


def texts() -> Iterator[tuple[str, str]]:
    """Yield strings of our sources that are sentences and no docstrings."""
    for file, tree in modules().items():
        docstrings = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
        for node in ast.walk(tree):
            is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
            if is_text and id(node) not in docstrings and node.value.count(" ") > 2:
                yield f"{file}:{node.lineno}", node.value


def pages(*patterns: str) -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        yield from ((page.name, page.read_text("utf-8")) for page in ROOT.glob(pattern))


def definitions() -> list[Definition]:
    return [n for tree in modules().values() for n in ast.walk(tree) if isinstance(n, Definition)]


def test_names_and_sentences_are_plain() -> None:
    names = {node.name for node in definitions() if isinstance(node, ast.ClassDef)} - _ALSO_WORDS
    assert {"JobCache", "ReviewServer"} <= names
    found = [
        (place, word)
        for place, text in [*texts(), *pages("*.md", "docs/how-to/*.md")]
        for word in _TWO_HUMPS.findall(_CODE.sub("", text))
        if word in names
    ]
    assert not found
    nodes = [*modules().values(), *definitions()]
    lines = [doc.splitlines()[0] for node in nodes if (doc := ast.get_docstring(node))]
    assert len(lines) > 1000 and not [line for line in lines if len(line) > 90]


def words_that_are_gone(text: str) -> list[str]:
    return [found[0] for found in _GONE.finditer(_CODE.sub("", text))]


@pytest.mark.parametrize("folder", ["explanation", "how-to", "reference", "tutorials", None])
def test_pages_and_messages_have_no_private_words(folder: str | None) -> None:
    given = list(pages(f"docs/{folder}/*.md") if folder else texts())
    found = [(place, gone) for place, text in given if (gone := words_that_are_gone(text))]
    assert given and not found


def test_what_is_long_or_private_is_found() -> None:
    code = f"```\n{'d' * 121}\n```"
    text = f"{'a' * 121}\n| {'b' * 161} | c |\n{code}\n| e | {'f' * 100} | {'g' * 100} |"
    assert too_long(text) == ["a" * 121, "b" * 161]
    fold = '<details{} markdown="1"><summary>a</summary>\n\nb\n\n</details>\n'
    text = f"# c\n<!-- console: planned; it takes hours -->\nd\n{2 * fold.format('')}e\n"
    assert shown(text) == ["# c", "d", "fold", "fold", "e"]
    assert len(shown(fold.format(" open"))) == 5
    text = "Draw it anew, as it was; nothing stays in plain sight. I recommend `anew`."
    assert words_that_are_gone(text) == ["anew", "as it was", "in plain sight"]
