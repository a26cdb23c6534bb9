"""What a result owes to code: what can be executed, and nothing else."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from anonbench.core.io import read_json
from anonbench.core.jobs import fingerprint
from anonbench.core.registries.added import added
from plug_in import install

TOP = """
from __future__ import annotations
from typing import TYPE_CHECKING, ClassVar
import numpy
from package import tool
from package.config import Settings
from package.helper import half
if TYPE_CHECKING:
    import torch
    NAME = str
else:
    NAME = half(1)

FACTOR = 2

def double(value: int) -> int:
    return FACTOR * half(value)

def unused(value):
    import cv2
    return tool.saw(value)

class Square:
    label: ClassVar[str] = "Square"
    sides: ClassVar[int] = 4

    def area(self, settings):
        return numpy.square(settings.side())
"""
HELPER = """
import json
TABLE = {"a": 1}

def half(x):
    return x / 2

def third(x):
    return x / 3
"""
TOOL = """
def saw(x): return x

def drill(x): return x
"""
OTHER = """
def one(): return 1
"""
CONFIG = """
class Settings:
    width: int = 3

    def side(self):
        return self.width
"""
SCRIPT = """
with open("log"):
    from package.top import double
    double(1)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(fingerprint, "PACKAGES", {"package": tmp_path})
    monkeypatch.setattr(fingerprint, "_SETTINGS", "package.config")
    files = {"top": TOP, "helper": HELPER, "tool": TOOL, "config": CONFIG, "other": OTHER}
    for name, text in files.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    yield tmp_path
    fingerprint._graph.cache_clear()  # the next test follows anonbench


def of_module(name: str = "package.top") -> dict[str, str]:
    fingerprint._graph.cache_clear()  # as a new process
    return fingerprint.code_identity([name])


def script_identity(script: Path) -> dict[str, str]:
    return fingerprint.script_identity(script.name, script.read_text(encoding="utf-8"))


def of_script(package: Path) -> dict[str, str]:
    fingerprint._graph.cache_clear()
    return script_identity(package / "script.py")


def test_a_script_owes_what_its_functions_call_and_no_more(package: Path) -> None:
    found = of_script(package)
    assert set(found) == {"script.py", "package.top:double", "package.top:FACTOR"} | {
        "package.config:Settings",
        "package.helper:half",
    }


def test_a_module_owes_all_that_is_in_it(package: Path) -> None:
    found = of_module()
    assert {"package.tool:saw", "package.helper:half", "package.top:Square"} <= set(found)
    assert not {"package.tool:drill", "package.helper:third"} & set(found)
    assert found["numpy"] == np.__version__
    assert "torch" not in found, "only the type checker imports it"
    assert "package.top:NAME" in found, "what the type checker skips runs"
    assert any(name.startswith("opencv") for name in found), "imported where it is used"
    fingerprint._graph.cache_clear()
    without = fingerprint.code_identity(["package.top"], without=["package.helper"])
    assert not any(name.startswith("package.helper") for name in without)


def test_a_module_that_is_not_there_is_refused(package: Path) -> None:
    """One that was moved would else be neither part of an identity nor left out of it."""
    fingerprint._graph.cache_clear()
    with pytest.raises(ValueError, match=r"there is no module package\.moved"):
        fingerprint.code_identity(["package.moved"])
    with pytest.raises(ValueError, match=r"there is no module package\.moved"):
        fingerprint.code_identity(["package.top"], without=["package.moved"])


@pytest.mark.parametrize(
    ("module", "old", "new", "same"),
    [
        ("top", "def double", "# a comment\n\ndef double", True),
        ("top", "    return FACTOR", '    """A docstring."""\n    return FACTOR', True),
        ("top", "FACTOR * half", "FACTOR  *  half", True),
        ("top", "(value: int) -> int", "(value: float) -> float", True),
        ("top", "import numpy\n", "import numpy\nfrom package import other\n", True),
        ("top", "tool.saw(value)", "tool.saw(-value)", True),
        ("helper", "x / 3", "x / 4", True),
        ("other", "return 1", "return 2", True),
        ("top", "FACTOR = 2", "FACTOR = 3", False),
        ("top", "FACTOR * half", "FACTOR + half", False),
        ("helper", "x / 2", "x / 4", False),
        ("helper", "import json", "import json\njson.JSONEncoder.item_separator = ';'", False),
        ("top", "from package.helper import half", "from package.tool import saw as half", False),
    ],
)
def test_only_what_can_be_executed_counts(
    package: Path, module: str, old: str, new: str, same: bool
) -> None:
    before = of_script(package)
    file = package / f"{module}.py"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    assert (of_script(package) == before) is same


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import half, third", "import half as third, third as half"),
        ("import floor as whole", "import ceil as whole"),
    ],
)
def test_what_a_name_stands_for_counts(package: Path, old: str, new: str) -> None:
    """The same definitions are reached, and the code reads the same."""
    text = (
        "from math import floor as whole\n"
        "from package.helper import half, third\n"
        "def run(x):\n    return whole(half(x) - third(2 * x))\n"
    )
    (package / "front.py").write_text(text, encoding="utf-8")
    (package / "script.py").write_text("from package.front import run\nrun(1)\n", encoding="utf-8")
    before = of_script(package)
    (package / "front.py").write_text(text.replace(old, new), encoding="utf-8")
    after = of_script(package)
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} == {"package.front:run"}


def test_of_settings_only_the_methods_count(package: Path) -> None:
    before = of_module()
    file = package / "config.py"
    file.write_text(CONFIG.replace("int = 3", "int = 4"), encoding="utf-8")
    assert of_module() == before
    file.write_text(CONFIG.replace("self.width", "-self.width"), encoding="utf-8")
    assert of_module() != before


@pytest.mark.parametrize(
    ("old", "new", "same"), [('"Square"', '"A square"', True), ("int] = 4", "int] = 5", False)]
)
def test_what_a_class_is_called_does_not_count(
    package: Path, old: str, new: str, same: bool
) -> None:
    before = of_module()
    (package / "top.py").write_text(TOP.replace(old, new), encoding="utf-8")
    assert (of_module() == before) is same


@pytest.mark.slow
def test_code_of_methods_counts_where_they_hide_and_their_colours_where_they_are_drawn(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprint._graph.cache_clear()
    monkeypatch.setattr(fingerprint, "_facts", lambda: "colours and labels")
    scripts = ("anonymize", "scores", "retrieve", "train", "front", "report")
    found = {name: script_identity(root / f"workflow/scripts/{name}.py") for name in scripts}
    hiding = {n for n, c in found.items() if "anonbench.anonymization.methods.blur:Blur" in c}
    drawing = {n for n, c in found.items() if "colours and labels" in c.values()}
    assert hiding == {"anonymize"} and drawing == {"front", "report"}


def test_texts_count_where_they_are_written(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (package / "texts.yaml").write_text("half: “half”", encoding="utf-8")
    (package / "single.py").write_text("from package.helper import third\n", encoding="utf-8")
    monkeypatch.setattr(fingerprint, "TEXTS", {"package.helper:half": "texts.yaml"})
    before, other = of_module(), of_module("package.single")
    (package / "texts.yaml").write_text("half: “a half”", encoding="utf-8")
    assert of_module() != before and of_module("package.single") == other


def test_names_are_followed_through_other_modules_and_strings(package: Path) -> None:
    (package / "front.py").write_text("from package.helper import third\n", encoding="utf-8")
    (package / "script.py").write_text(
        "import package.front as front\nrun('package.tool')\nfront.third(1)\n", encoding="utf-8"
    )
    assert set(of_script(package)) == {"script.py", "package.helper:third"} | {
        "package.tool:saw",
        "package.tool:drill",
    }


@pytest.mark.slow
def test_every_script_of_the_workflow_is_followed_to_its_room(root: Path) -> None:
    fingerprint._graph.cache_clear()
    start = time.process_time()
    found = {
        path.stem: script_identity(path)
        for path in sorted((root / "workflow/scripts").glob("*.py"))
    }
    assert time.process_time() - start < 20.0, "it is read at every start of the workflow"
    train = found["train"]
    assert {"anonbench.training.loop.trainer:Trainer", "torch", "timm"} <= set(train)
    started_by_name = "anonbench.training.loop.launch"
    assert any(name.startswith(started_by_name) for name in train)
    assert not any(name.startswith("anonbench.reporting") for name in train)
    assert not any(name.startswith(("anonbench.core.jobs", "anonbench.workflow")) for name in train)
    assert not any(name.startswith("anonbench.training") for name in found["anonymize"])
    assert {"zxing-cpp", "facenet-pytorch"} & set(found["detect"])
    for name, code in found.items():
        assert any(place.startswith("anonbench.") for place in code), name


def test_what_another_package_s_class_is_called_is_not_remembered(
    package: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Its sources are no part of the state that answers are remembered by."""
    states = []
    added.cache_clear()
    for label in ("Twirl", "Whirl", "Twirl"):
        monkeypatch.setattr(fingerprint, "_facts", lambda label=label: label)
        fingerprint._state.cache_clear()
        states.append(fingerprint._state())
    assert len(set(states)) == 1, "there is no other package"
    folder = tmp_path_factory.mktemp("other")
    install(folder, {}, {"anonbench.methods:twirl": "twirl:Twirl"})
    monkeypatch.syspath_prepend(folder)
    added.cache_clear()
    for number, label in enumerate(("Twirl", "Whirl", "Twirl")):
        monkeypatch.setattr(fingerprint, "_facts", lambda label=label: label)
        fingerprint._state.cache_clear()
        states[number] = fingerprint._state()
    fingerprint._state.cache_clear()
    added.cache_clear()
    assert states[0] == states[2] != states[1]


@pytest.fixture
def remembering(package: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where answers are remembered; each is asked for as in a new process."""
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    monkeypatch.setattr("sys.pycache_prefix", None)
    return package / "__pycache__" / f"fingerprint.{sys.implementation.cache_tag}.json"


def digest_in_a_new_process(script: Path) -> str:
    for each in (
        fingerprint.code_digest,
        fingerprint._remembered,
        fingerprint._state,
        fingerprint._graph,
    ):
        each.cache_clear()
    return fingerprint.code_digest(script)


def test_a_digest_is_remembered_until_a_source_changes(
    remembering: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = package / "script.py"
    first = digest_in_a_new_process(script)
    (state,) = read_json(remembering)
    with monkeypatch.context() as without:
        without.setattr(
            fingerprint, "script_identity", lambda *script: pytest.fail("followed again")
        )
        assert digest_in_a_new_process(script) == first
    helper = package / "helper.py"
    helper.write_text(HELPER.replace("x / 2", "x / 4"), encoding="utf-8")
    second = digest_in_a_new_process(script)
    assert second != first
    script.write_text(SCRIPT.replace("double(1)", "double(2)"), encoding="utf-8")
    assert digest_in_a_new_process(script) not in (first, second)
    assert state not in read_json(remembering), "old answers go"


def test_jobs_remember_what_snakemake_asked_for(
    remembering: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Snakemake gives them its own path once more behind theirs."""
    first = digest_in_a_new_process(package / "script.py")
    monkeypatch.setattr(sys, "path", [str(package), *sys.path, *sys.path])
    monkeypatch.setattr(fingerprint, "script_identity", lambda *_: pytest.fail("followed again"))
    assert digest_in_a_new_process(package / "script.py") == first


@pytest.mark.parametrize("text", ["", "[1, 2]", '{"half": '])
def test_a_damaged_memory_is_as_none(remembering: Path, package: Path, text: str) -> None:
    first = digest_in_a_new_process(package / "script.py")
    remembering.write_text(text, encoding="utf-8")
    assert digest_in_a_new_process(package / "script.py") == first
    assert len(read_json(remembering)) == 1


def test_nothing_is_written_where_python_writes_no_compiled_files(
    remembering: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    digest_in_a_new_process(package / "script.py")
    assert not remembering.exists()
