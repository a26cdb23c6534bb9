"""What a result owes to code: modules that it imports and run, and nothing that cannot be seen."""

import ast
import re
import sys
import time
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anonbench.core.io import read_json
from anonbench.core.jobs.fingerprint import PACKAGES
from anonbench.core.registries import registry
from plug_in import install

TOP = """
from __future__ import annotations
from typing import TYPE_CHECKING, ClassVar
import numpy
from anonbench.config import Settings
from anonbench.helper import half
if TYPE_CHECKING:
    import torch
    from anonbench import other

FACTOR = 2

def double(value: int) -> int:
    return FACTOR * half(value)

def sawn(value):
    import cv2
    from anonbench import tool
    return tool.saw(value)

class Square:
    label: ClassVar[str] = "Square"
    sides: ClassVar[int] = 4

    def area(self, settings):
        return numpy.square(settings.side())
"""
HELPER = "def half(x):\n    return x / 2\n"
TOOL = "def saw(x): return x\n"
OTHER = "def one(): return 1\n"
CONFIG = "from anonbench.sections import Settings\nfrom anonbench.unused import Unused\n"
SECTIONS = """
class Settings:
    width: int = 3
    sides: ClassVar[int] = 2

    def side(self):
        half: int = self.width
        return self.width
"""
SCRIPT = """
with open("log"):
    from anonbench.top import double
    double(1)
"""
DISTRIBUTIONS = cache(metadata.packages_distributions)
"""Installed packages, which take half a second."""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a package that stands for anonbench."""
    monkeypatch.setattr(metadata, "packages_distributions", DISTRIBUTIONS)
    files = {"top": TOP, "helper": HELPER, "tool": TOOL, "other": OTHER}
    files |= {"config/__init__": CONFIG, "sections": SECTIONS, "unused": OTHER}
    (tmp_path / "config").mkdir()
    for name, text in files.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    return tmp_path


def new(package: Path | None = None) -> Any:
    """Return the module of a new process, which has read nothing yet."""
    spec = find_spec("anonbench.core.jobs.fingerprint")
    assert spec and spec.loader
    module: Any = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.PACKAGES = {"anonbench": package} if package else module.PACKAGES
    return module


def of_module(package: Path) -> Any:
    return new(package).code_identity(["anonbench.top"])


def of_script(package: Path) -> Any:
    return new(package).script_identity("script.py", (package / "script.py").read_text())


def test_a_script_owes_the_modules_that_it_imports(package: Path) -> None:
    found = of_script(package)
    ours = {name for name in found if name.startswith("anonbench.")}
    assert ours == {f"anonbench.{name}" for name in ("top", "helper", "tool", "sections")}
    assert found["numpy"] == np.__version__
    assert "torch" not in found, "only the type checker imports it"
    assert any(name.startswith("opencv") for name in found), "imported where it is used"
    without = new(package).code_identity(["anonbench.top"], without=["anonbench.helper"])
    assert not any(name.startswith("anonbench.helper") for name in without)
    (package / "script.py").write_text("run('anonbench.tool')\n", encoding="utf-8")
    assert set(of_script(package)) == {"script.py", "anonbench.tool"}, "run by its name"


def test_a_module_that_is_not_there_is_refused(package: Path) -> None:
    """One that was moved would else be neither part of an identity nor left out of it."""
    for names in ([["anonbench.moved"]], [["anonbench.top"], ["anonbench.moved"]]):
        with pytest.raises(ValueError, match=r"there is no module anonbench\.moved"):
            new(package).code_identity(*names)


@pytest.mark.parametrize(
    ("module", "old", "new", "same"),
    [
        ("top", "def double", "# a comment\n\ndef double", True),
        ("top", "    return FACTOR", '    """A docstring."""\n    return FACTOR', True),
        ("top", "(value: int) -> int", "(value: float) -> float", True),
        ("top", '"Square"', '"A square"', True),  # what a class is called
        ("top", "int] = 4", "int] = 5", False),
        ("other", "return 1", "return 2", True),
        ("unused", "return 1", "return 2", True),
        ("top", "FACTOR * half", "FACTOR + half", False),
        ("helper", "x / 2", "x / 4", False),
        ("tool", "return x", "return -x", False),
        ("top", "anonbench.helper import half", "anonbench.tool import saw as half", False),
    ],
)
def test_changes_that_count(package: Path, module: str, old: str, new: str, same: bool) -> None:
    before = of_script(package)
    file = package / f"{module}.py"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    assert (of_script(package) == before) is same


def test_of_settings_methods_and_constants_count_and_defaults_do_not(package: Path) -> None:
    exported = CONFIG.replace("anonbench.sections", "anonbench.config.part")
    (package / "config/__init__.py").write_text(exported, encoding="utf-8")
    (package / "config/part.py").write_text(SECTIONS, encoding="utf-8")
    before = of_module(package)
    assert "anonbench.config.part" in before and "anonbench.unused" not in before
    file = package / "config/part.py"
    text = SECTIONS.replace("int = 3", "int = 4")
    for old, new, same in (
        ("", "", True),
        ("return self.width", "return -self.width", False),
        ("ClassVar[int] = 2", "ClassVar[int] = 3", False),
        ("half: int = self.width", "half: int = 2 * self.width", False),
    ):
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")
        assert (of_module(package) == before) is same, new


@pytest.mark.parametrize("file", ["page.html.j2", "texts/de.yaml"])
def test_package_data_counts(remembering: Path, package: Path, file: str) -> None:
    (package / "shown/deep/texts").mkdir(parents=True)
    (package / "shown/texts").mkdir()
    for place in ("shown", "shown/deep"):
        (package / place / "__init__.py").touch()
    (package / "shown/deep/page.py").write_text("import numpy\n", encoding="utf-8")
    (package / "single.py").write_text("open('anonbench.shown')\n", encoding="utf-8")
    names = ("anonbench.shown.deep.page", "anonbench.single", "anonbench.top")
    path = package / "shown" / file
    found = []
    for text in ("half: “half”", "half: “a half”"):
        path.write_text(text, encoding="utf-8")
        found.append([new(package).module_digest([name]) for name in names])
        assert remembering.exists()
    assert [a == b for a, b in zip(*found, strict=True)] == [False, False, True]


@pytest.mark.slow
def test_scripts_of_the_workflow(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "facts_digest", lambda _: "colours and labels")
    fingerprint, start = new(), time.process_time()
    found = {
        path.stem: fingerprint.script_identity(path.name, path.read_text(encoding="utf-8"))
        for path in sorted((root / "workflow/scripts").glob("*.py"))
    }
    assert time.process_time() - start < 20.0, "it is read at every start of the workflow"
    methods = {name for name, c in found.items() if "anonbench.anonymization.methods.blur" in c}
    drawing = {name for name, c in found.items() if "colours and labels" in c.values()}
    assert "anonymize" in methods - drawing
    assert {"present", "report"} <= drawing - methods
    assert not {"scores", "retrieve", "train"} & (methods | drawing)
    train = found["train"]
    assert {"anonbench.training.loop.trainer", "torch", "timm"} <= set(train)
    assert any(name.startswith("anonbench.training.loop.launch") for name in train), "by its name"
    others = ("anonbench.reporting", "anonbench.core.jobs", "anonbench.workflow")
    assert not any(name.startswith(others) for name in train)
    assert not any(name.startswith("anonbench.training") for name in found["anonymize"])
    assert {"zxing-cpp", "facenet-pytorch"} & set(found["detect"])
    for name, code in found.items():
        assert any(place.startswith("anonbench.") for place in code), name


def test_what_another_package_s_class_is_called_is_not_remembered(
    remembering: Path,
    package: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Its sources are no part of the state that answers are remembered by."""

    def states() -> list[str]:
        """Return the states where a class is called so, otherwise and so again."""
        registry.added.cache_clear()
        found: list[str] = []
        for label in ("Twirl", "Whirl", "Twirl"):
            monkeypatch.setattr(registry, "facts_digest", lambda _, label=label: label)
            remembering.unlink(missing_ok=True)
            new(package).module_digest(["anonbench.top"])
            found += read_json(remembering)
        return found

    assert len(set(states())) == 1, "there is no other package"
    folder = tmp_path_factory.mktemp("other")
    install(folder, {}, {"anonbench.methods:twirl": "twirl:Twirl"})
    monkeypatch.syspath_prepend(folder)
    first, other, again = states()
    registry.added.cache_clear()
    assert first == again != other


@pytest.fixture
def remembering(package: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where answers are remembered."""
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    monkeypatch.setattr("sys.pycache_prefix", None)
    return package / "__pycache__" / f"fingerprint.{sys.implementation.cache_tag}.json"


def digest_in_a_new_process(script: Path, **changes: Any) -> Any:
    module = new(script.parent)
    vars(module).update(changes)
    return module.code_digest(script)


def test_a_digest_is_remembered_until_a_source_changes(
    remembering: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = package / "script.py"
    first = digest_in_a_new_process(script)
    (state,) = read_json(remembering)
    with monkeypatch.context() as without:
        none = {"script_identity": lambda *_: pytest.fail("followed again")}
        assert digest_in_a_new_process(script, **none) == first
        # Snakemake gives jobs its own path once more behind theirs
        without.setattr(sys, "path", [str(package), *sys.path, *sys.path])
        assert digest_in_a_new_process(script, **none) == first
    helper = package / "helper.py"
    helper.write_text(HELPER.replace("x / 2", "x / 4"), encoding="utf-8")
    second = digest_in_a_new_process(script)
    assert second != first
    script.write_text(SCRIPT.replace("double(1)", "double(2)"), encoding="utf-8")
    assert digest_in_a_new_process(script) not in (first, second)
    assert state not in read_json(remembering), "old answers go"
    last = digest_in_a_new_process(script)
    for damaged in ("", "[1, 2]", '{"half": '):
        remembering.write_text(damaged, encoding="utf-8")
        assert digest_in_a_new_process(script) == last
        assert len(read_json(remembering)) == 1
    remembering.unlink()
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    assert digest_in_a_new_process(script) == last
    assert not remembering.exists(), "where Python writes no compiled files"


# Fingerprints follow imports in the source. What is imported by a computed name, looked up in a
# module, loaded from a plug-in, executed from text or read from the package would make results
# silently stale.
ALLOWED = {
    # the public names: fingerprints skip the root, and no job uses these names
    "anonbench: import_module(_MODULES[name])",
    # the names are constants, of packages whose versions count
    "anonbench.core.libraries.compat: import_module('torchvision.ops.boxes')",
    # formats of codes, by the name that the demo's own table gives them
    "anonbench_demo.ids: getattr(zxingcpp, ...)",
    "anonbench.detection.kinds.zxing: getattr(zxingcpp, ...)",
    # another's module, which a digest of its file stands for
    "anonbench.embedding.systems.function: import_module(module)",
    # classes of installed packages, whose code `Registry.origin` stands for in the parameters of
    # the jobs that use them, and built-in ones, which the jobs' own code imports
    "anonbench.core.registries.registry: entry_points()",
    "anonbench.core.registries.registry: import_module(module)",
    "anonbench.core.registries.registry: getattr(importlib, ...)",
    # where the sources are that are read
    "anonbench.core.jobs.fingerprint: __file__",
}
"""Each with what stands for it."""

_BY_NAME = ("import_module", "entry_points", "run_module", "run_path")
_BUILT_IN = ("__import__", "exec", "eval")
_OF_PACKAGE = ("resources.files", "pkgutil.get_data", "resources.open_text", "resources.path")
_LAST = {*_BY_NAME, *_BUILT_IN, "getattr", *(each.rpartition(".")[2] for each in _OF_PACKAGE)}
_SUSPECT = re.compile(rf"\b({'|'.join(_LAST)}|__file__)\b|import \*|from \.")
_BY_ITS_NAME = re.compile(r"__package__|'[\w.]+'")
"""A package whose data count with it."""
_APART = ("anonbench.workflow", "anonbench.cli")
"""Around the jobs: nothing in there makes a result."""


def unseen(name: str, source: str) -> Iterator[str]:
    """Yield what a module does that cannot be seen from the names in it."""
    if not _SUSPECT.search(source):
        return  # to parse it takes long
    tree = ast.parse(source)
    imported = {
        alias.asname or alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "__file__":
            yield f"{name}: __file__"
        elif isinstance(node, ast.ImportFrom) and (node.level or node.names[0].name == "*"):
            yield f"{name}: {ast.unparse(node)}"
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            last = called.rpartition(".")[2]
            arguments = ", ".join(map(ast.unparse, node.args))
            if last in _BY_NAME or called in _BUILT_IN:
                yield f"{name}: {last}({arguments})"
            elif called == "getattr" and ast.unparse(node.args[0]).partition(".")[0] in imported:
                yield f"{name}: getattr({ast.unparse(node.args[0]).partition('.')[0]}, ...)"
            elif called in _OF_PACKAGE and not _BY_ITS_NAME.fullmatch(arguments):
                yield f"{name}: {called}"


@pytest.mark.slow
def test_what_cannot_be_seen_is_listed() -> None:
    found = set()
    for package, folder in PACKAGES.items():
        for file in sorted(folder.rglob("*.py")):
            parts = file.relative_to(folder).with_suffix("").parts
            name = ".".join([package, *parts]).removesuffix(".__init__")
            if not name.startswith(_APART):
                found |= {*unseen(name, file.read_text(encoding="utf-8"))}
    assert found == ALLOWED


def test_folders_of_sources_hold_no_other_package() -> None:
    assert {folder.name for folder in PACKAGES.values()} == {*PACKAGES}
    assert all(Path(folder, "__init__.py").is_file() for folder in PACKAGES.values())
