"""docs/explanation/architecture.md names the rooms, modules and definitions that there are."""

from __future__ import annotations

import re
from pathlib import Path


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
