"""What a result owes to code: what is executed, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from anonbench import identity

CODE = """
from package.helper import half
from package import tool
from package.config import Settings
import numpy

def double(value):
    return 2 * half(value)
"""
TOP = ["package.top"]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(identity, "PACKAGE", "package")
    monkeypatch.setattr(identity, "_SETTINGS", "package.config")
    monkeypatch.setattr(identity, "_ROOT", tmp_path)
    (tmp_path / "top.py").write_text(CODE, encoding="utf-8")
    (tmp_path / "helper.py").write_text(
        "import json\ndef half(x): return x / 2\n", encoding="utf-8"
    )
    (tmp_path / "tool.py").write_text("from package.top import double\n", encoding="utf-8")
    (tmp_path / "config.py").write_text("import torch\n", encoding="utf-8")
    (tmp_path / "other.py").write_text("1\n", encoding="utf-8")
    return tmp_path


def test_names_modules_and_packages_that_are_reached(package: Path) -> None:
    found = identity.code_identity(TOP)
    assert list(found) == ["numpy", "package.helper", "package.tool", "package.top"]
    assert found["numpy"] == np.__version__
    assert list(identity.code_identity(TOP, without=["package.helper"])) == [
        "numpy",
        "package.tool",
        "package.top",
    ]


@pytest.mark.parametrize(
    ("module", "text", "same"),
    [
        ("top", CODE.replace("def double", "# a comment\n\ndef double"), True),
        ("top", CODE.replace("    return", '    """A docstring."""\n    return'), True),
        ("top", '"""A module."""\n' + CODE.replace("2 * half", "2  *  half"), True),
        ("other", "2\n", True),
        ("config", "import numpy\n", True),
        ("top", CODE.replace("2 * half", "3 * half"), False),
        ("helper", "def half(x): return x / 3\n", False),
    ],
)
def test_only_what_is_executed_counts(package: Path, module: str, text: str, same: bool) -> None:
    before = identity.code_identity(TOP)
    (package / f"{module}.py").write_text(text, encoding="utf-8")
    assert (identity.code_identity(TOP) == before) is same
