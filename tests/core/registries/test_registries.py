"""Registries with a package of somebody else's."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from anonbench.core.errors import InputError
from anonbench.core.registries.added import added
from anonbench.core.registries.methods import METHODS, Method
from anonbench.core.registries.registry import Registry, facts, facts_digest
from anonbench.core.vocabulary import Method as OfThePaper
from plug_in import install

SWIRL = """
from typing import ClassVar

from anonbench.core.registries.methods import Method


class Swirl(Method):
    name: ClassVar = "swirl"
    label: ClassVar = "Swirl"
    line_colour: ClassVar = "#000000"

    turns: float = 2.0
"""
DASHED = SWIRL.replace('"swirl"', '"s-1"')
POINT = {"anonbench.methods:swirl": "plugged_swirl:Swirl"}


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder on Python's path, whose modules are forgotten after the test."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "plugged_swirl", raising=False)
    yield tmp_path
    added.cache_clear()


def registry() -> Registry[Method]:
    """Return the registry of methods as a new process has it."""
    added.cache_clear()
    return Registry("anonbench.methods", Method, "anonbench.anonymization.methods:BUILT_IN")


def test_the_built_in_methods_are_the_papers() -> None:
    assert list(METHODS) == [*OfThePaper]
    assert all(METHODS.origin(name) == {} for name in METHODS)


def test_an_installed_class_comes_after_the_built_in_ones(path: Path) -> None:
    install(path, {"plugged_swirl": SWIRL}, POINT)
    found = registry()
    assert list(found) == ["pixelate", "blur", "mask", "swirl"]
    assert facts(found, "label")["swirl"] == "Swirl"
    assert found.origin("swirl")["package"] == "plugged 1.0"


def test_its_parameters_are_a_section_of_the_config(path: Path) -> None:
    install(path, {"plugged_swirl": SWIRL}, POINT)
    section = registry().with_sections(METHODS["mask"])
    assert section.model_validate({"swirl": {"turns": 3}}).swirl.turns == 3
    assert section().swirl.turns == 2
    assert list(section().model_dump()) == ["colour", *METHODS]
    assert section.model_validate({"swirl": {"turns": 3}}).model_dump()["swirl"] == {"turns": 3}
    with pytest.raises(ValueError, match=r"swirl\.turn\n.*Extra inputs"):
        section.model_validate({"swirl": {"turn": 3}})
    assert section.model_json_schema()["$defs"]["Swirl"]["properties"]["turns"]["default"] == 2


@pytest.mark.parametrize(
    ("source", "version"),
    [(SWIRL + "\nOTHER = 1\n", "1.0"), (SWIRL, "1.1")],
    ids=["code", "version"],
)
def test_its_code_and_version_tell_it_from_another(
    path: Path, monkeypatch: pytest.MonkeyPatch, source: str, version: str
) -> None:
    install(path / "a", {"plugged_swirl": SWIRL}, POINT)
    install(path / "b", {"plugged_swirl": source}, POINT, version)
    origins = []
    for folder in "aab":
        with monkeypatch.context() as context:
            context.syspath_prepend(path / folder)
            context.delitem(sys.modules, "plugged_swirl", raising=False)
            origins.append(registry().origin("swirl"))
    assert origins[0] == origins[1] != origins[2]


def test_what_it_is_called_changes_the_digest_of_facts(path: Path) -> None:
    before = facts_digest([registry()])
    install(path, {"plugged_swirl": SWIRL}, POINT)
    assert facts_digest([METHODS]) == before != facts_digest([registry()])


@pytest.mark.parametrize(
    ("source", "points", "message"),
    [
        (SWIRL, {"anonbench.methods:blur": "plugged_swirl:Swirl"}, "another one of this name"),
        (SWIRL, {"anonbench.methods:twirl": "plugged_swirl:Swirl"}, "the same `name`"),
        (DASHED, {"anonbench.methods:s-1": "plugged_swirl:Swirl"}, "lower case letters"),
        (SWIRL.replace("(Method)", ""), POINT, "no subclass of Method"),
        (SWIRL, {"anonbench.methods:swirl": "plugged_swirl:Swivel"}, "AttributeError"),
        ("1 / 0", POINT, r"ZeroDivisionError: .*mend or remove its package"),
        ("raise SystemExit(3)", POINT, r"cannot be loaded \(SystemExit: 3\)"),
        (SWIRL, {"anonbench.methods:swirl": "absent_module:Swirl"}, "ModuleNotFoundError"),
        (SWIRL.replace('    label: ClassVar = "Swirl"\n', ""), POINT, "no value for label"),
        (SWIRL.replace(" = 2.0", ""), POINT, r"need defaults .*turns Field required"),
    ],
)
def test_a_class_that_cannot_be_used_is_named(
    path: Path, source: str, points: dict[str, str], message: str
) -> None:
    install(path, {"plugged_swirl": source}, points)
    with pytest.raises(InputError, match=f"entry point .*{message}"):
        list(registry())
