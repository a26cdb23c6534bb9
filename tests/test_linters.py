"""What `make lint` asks of the code, so that a change cannot pass without it; and of tests."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import preloaded

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
DOCUMENTED = {"_asdict", "_fields", "_make", "_replace", "_exit", "_dynamo"}
"""Of named tuples, `os` and torch."""


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check"],
        ["ruff", "format", "--check"],
        ["mypy"],
        ["lint-imports"],
        ["snakefmt", "--check", "Snakefile", "workflow"],
        ["snakemake", "--workflow-profile", "none", "--lint"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_the_linters_find_nothing(root: Path, command: list[str]) -> None:
    program, *given = command
    if program in preloaded.ENTRIES:
        done = preloaded.completed(program, given, root)
    else:
        whole = [BIN / program, *given]
        done = subprocess.run(whole, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def private(source: str) -> set[str]:
    """Return names of others' insides, also in texts that are code or say what to replace."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(attr=name) if ast.unparse(node.value) not in ("self", "cls"):
                found.add(name)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                where = getattr(node, "module", None) or ""
                found |= {part for each in names for part in f"{where}.{each.name}".split(".")}
            case ast.Call(args=[_, ast.Constant(value=str(name)), *_]):
                found |= {name} if ast.unparse(node.func).endswith("attr") else set()
            case ast.Constant(value=str(text)):
                found |= {*re.findall(r"\w\.(_\w+)", text)}
    return {name for name in found if re.match("_[^_]", name)} - DOCUMENTED


def test_tests_hold_when_the_inside_changes(root: Path) -> None:
    made = "a.$b; import $c; from d.$e import f; m.setattr(g, '$h', 0); i = 'j.k.$l'; self.$m"
    assert private(made.replace("$", "_")) == {"_b", "_c", "_e", "_h", "_l"}
    files = (root / "tests").rglob("*.py")
    found = {file.name: names for file in files if (names := private(file.read_text("utf-8")))}
    assert [*found] == ["preloaded.py"], "whose forks forget what their parent does at its end"
