"""Registries with a package of somebody else's."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anonbench.core.errors import InputError
from anonbench.core.registries.methods import METHODS, Method
from anonbench.core.registries.registry import Registry, added, facts, facts_digest
from anonbench.core.registries.systems import SystemKind
from anonbench.core.vocabulary import Method as OfThePaper
from plug_in import install

TWIRL = """
from typing import ClassVar

from anonbench.core.registries.methods import Method


class Twirl(Method):
    name: ClassVar = "twirl"
    label: ClassVar = "Twirl"
    line_colour: ClassVar = "#000000"

    turns: float = 2.0

    def hide(self, pixels, entity):
        return 0 * pixels

    def is_hidden(self, original, written, entity):
        return written[0] == 0
"""
POINT_OF_DASH = {"anonbench.methods:s-1": "plugged_twirl:Twirl"}
POINT = {"anonbench.methods:twirl": "plugged_twirl:Twirl"}


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder on Python's path, whose modules are forgotten after the test."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "plugged_twirl", raising=False)
    yield tmp_path
    added.cache_clear()


def registry() -> Registry[Method]:
    """Return the registry of methods as a new process has it."""
    added.cache_clear()
    return Registry("anonbench.methods", Method, "anonbench.anonymization.methods:BUILT_IN")


def test_installed_class_comes_last(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = facts_digest([registry()])
    install(path, {"plugged_twirl": TWIRL}, POINT | {"anonbench.tables:best": "extra_best:Best"})
    found = registry()
    assert list(found) == [*METHODS, "twirl"]
    assert list(METHODS)[:3] == [*OfThePaper]
    assert all(METHODS.origin(name) == {} for name in METHODS)
    assert facts(found, "label")["twirl"] == "Twirl"
    assert found.origin("twirl")["package"] == "plugged 1.0"
    assert facts_digest([METHODS]) == before != facts_digest([found])
    (said,) = caplog.messages  # points of an earlier version
    assert said == (
        "anonbench: entry points of anonbench.tables are gone and not read: only methods, "
        "detectors and systems can be added"
    )


def test_origin_has_code_and_version(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origins = []
    for folder, source, version in (
        *(("a", TWIRL, "1.0"), ("again", TWIRL, "1.0"), ("newer", TWIRL, "1.1")),
        ("other", f"{TWIRL}\nOTHER = 1\n", "1.0"),
    ):
        install(path / folder, {"plugged_twirl": source}, POINT, version)
        with monkeypatch.context() as context:
            context.syspath_prepend(path / folder)
            context.delitem(sys.modules, "plugged_twirl", raising=False)
            origins.append(registry().origin("twirl"))
    assert origins[0] == origins[1]
    assert origins[0] not in origins[2:]


def test_its_parameters_are_a_section_of_the_config(path: Path) -> None:
    install(path, {"plugged_twirl": TWIRL}, POINT)
    section = registry().with_sections(METHODS["mask"])
    assert section.model_validate({"twirl": {"turns": 3}}).twirl.turns == 3
    assert section().twirl.turns == 2
    assert section.model_validate({"twirl": {"turns": 3}}).model_dump()["twirl"] == {"turns": 3}
    with pytest.raises(ValueError, match=r"twirl\.turn\n.*Extra inputs"):
        section.model_validate({"twirl": {"turn": 3}})


@pytest.mark.parametrize(
    ("source", "points", "message"),
    [
        (TWIRL, {"anonbench.methods:whirl": "plugged_twirl:Twirl"}, "the same `name`"),
        (TWIRL.replace('"twirl"', '"s-1"'), POINT_OF_DASH, "lower case letters"),
        (TWIRL.replace("(Method)", ""), POINT, "no subclass of Method"),
        (TWIRL, {"anonbench.methods:twirl": "plugged_twirl:Swivel"}, "AttributeError"),
        ("raise SystemExit(3)", POINT, r"cannot be loaded \(SystemExit: 3\)"),
        (TWIRL, {"anonbench.methods:twirl": "absent_module:Twirl"}, "ModuleNotFoundError"),
        (TWIRL.replace('    label: ClassVar = "Twirl"\n', ""), POINT, "no value for label"),
        (TWIRL.replace(" = 2.0", ""), POINT, "its parameters need defaults: turns"),
        (TWIRL.replace("float = 2.0", 'int = "a"'), POINT, "ValidationError: .*turns Input should"),
        (f"{TWIRL}    information_left: ClassVar = 'few'\n", POINT, "'few', which is none of"),
        (TWIRL.replace("is_hidden", "is_gone"), POINT, "Twirl has no is_hidden, without which"),
        (TWIRL.replace("hide(", "hid("), POINT, "Twirl has no hide; write it"),
    ],
)
def test_a_class_that_cannot_be_used_is_named_and_left_out(
    path: Path, source: str, points: Any, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    install(path, {"plugged_twirl": source}, points)
    assert list(registry()) == list(METHODS), "the others are there"
    (said,) = caplog.messages
    assert re.match(f"anonbench: entry point .*{message}.* It is left out", said)


@pytest.mark.parametrize("kind", ["", 'kind: Literal["other"] = "other"', 'kind: str = "plain"'])
def test_system_needs_its_kind(path: Path, caplog: pytest.LogCaptureFixture, kind: str) -> None:
    source = (
        "from typing import ClassVar, Literal\n"
        "from anonbench.core.registries.systems import SystemKind\n"
        "class Plain(SystemKind):\n"
        f'    name: ClassVar = "plain"\n    label: ClassVar = "Plain"\n    {kind}\n'
    )
    install(path, {"plugged_twirl": source}, {"anonbench.systems:plain": "plugged_twirl:Plain"})
    added.cache_clear()
    built_in = "anonbench.embedding.systems:BUILT_IN"
    assert "plain" not in Registry("anonbench.systems", SystemKind, built_in, needs_defaults=False)
    (said,) = caplog.messages
    assert 'Plain has no field `kind: Literal["plain"] = "plain"`' in said
    assert said.endswith("It is left out.")


def test_no_class_takes_the_place_of_a_built_in_one(path: Path) -> None:
    install(path, {"plugged_twirl": TWIRL}, {"anonbench.methods:blur": "plugged_twirl:Twirl"})
    with pytest.raises(InputError, match=r"entry point .*another one of this name"):
        list(registry())
