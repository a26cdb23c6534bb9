"""What is imported, what pyproject.toml asks for and what the lock pins agree."""

import ast
import json
import os
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from anonbench.cli import main
from anonbench.cli.main import EXTRAS, LOCK, NO_DEPENDENCIES, read_pins
from processes import python

BY_ITSELF = {"facenet_pytorch", "botocore", "boto3", "transformers"}
"""What no extra names: its own pins exclude others', or few need it. Where it is missing, a message
says how."""
OTHER_BUILDS = {"opencv-contrib-python": "opencv-python-headless"}
"""By what the lock has: the distribution of the same modules."""


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return project


def named(lines: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in lines}


def imported(root: Path) -> set[str]:
    """Return the modules that the packages below src import from elsewhere."""
    own = {path.name for path in (root / "src").iterdir()}
    modules: set[str] = set()
    for path in (root / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module.partition(".")[0])
    return modules - own - set(sys.stdlib_module_names)


@pytest.mark.slow
def test_every_import_and_extra_is_a_dependency(root: Path, project: dict[str, Any]) -> None:
    core = named(project["dependencies"])
    distributions = packages_distributions()
    for module in imported(root) - set(EXTRAS) - BY_ITSELF:
        names = {canonicalize_name(name) for name in distributions[module]}
        names |= {OTHER_BUILDS.get(name, name) for name in names}
        # pydantic_core comes with pydantic, whatever the version
        assert names & core or module == "pydantic_core", module
    for module, extra in EXTRAS.items():
        names = {canonicalize_name(name) for name in distributions[module]}
        brought = {"markupsafe": {"jinja2"}, "snakemake_interface_common": {"snakemake"}}
        names |= brought.get(module, set())
        assert names & named(project["optional-dependencies"][extra]), module


def test_the_lock_is_within_the_bounds(root: Path, project: dict[str, Any]) -> None:
    pins = [pin.split("==") for file in (LOCK, NO_DEPENDENCIES) for pin in read_pins(root / file)]
    locked = {canonicalize_name(name): version for name, version in pins}
    locked |= {other: locked[name] for name, other in OTHER_BUILDS.items()}
    extras = project["optional-dependencies"].values()
    for line in project["dependencies"] + [line for lines in extras for line in lines]:
        asked = Requirement(line)
        if asked.name != "anonbench":
            assert locked[canonicalize_name(asked.name)] in asked.specifier, line
    allowed = SpecifierSet(project["requires-python"])
    versions = [f"3.{minor}" for minor in range(8, 20) if f"3.{minor}" in allowed]
    named_ones = [each.split(" :: ")[-1] for each in project["classifiers"] if ":: 3." in each]
    assert versions == named_ones
    candidates = " ".join(f"python{version}" for version in versions)
    assert candidates in (root / "tools/find-python").read_text(encoding="utf-8")
    matrix = json.dumps(versions)
    for file in (".github/workflows/ci.yml", ".gitlab-ci.yml"):
        text = (root / file).read_text(encoding="utf-8")
        assert yaml.safe_load(text)
        assert matrix in text
        assert "make test" in text


def python_at(folder: Path, name: str, status: int) -> None:
    """Put a program of this name there that ends with a status, as Python asked for its version."""
    (folder / name).write_text(f"#!/bin/sh\nexit {status}\n")
    (folder / name).chmod(0o755)


def test_setup_takes_the_python_that_works(root: Path, tmp_path: Path) -> None:
    python_at(tmp_path, "python3", 0)
    python_at(tmp_path, "python3.11", 1)
    assert find_python(root, tmp_path).stdout == "python3\n"
    python_at(tmp_path, "python3.11", 127)  # a shim with nothing behind it
    python_at(tmp_path, "python3.13", 0)
    assert find_python(root, tmp_path).stdout == "python3.13\n"
    (tmp_path / "python3.13").unlink()
    python_at(tmp_path, "python3", 1)  # too old, or without venv
    done = find_python(root, tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "apt-get install python3 python3-venv" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    named = find_python(root, tmp_path, str(tmp_path / "python3"))
    assert named.returncode == 1
    assert f"{tmp_path / 'python3'} is not that" in named.stderr


def find_python(root: Path, path: Path, *named: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", root / "tools/find-python", *named],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": str(path)},
    )


ONLY_CORE = """
import sys
for module in {modules!r}:
    sys.modules[module] = None
from anonbench.cli import main
sys.exit(main(sys.argv[1:]))
"""


def in_core(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command where no package of an extra can be imported."""
    script = ONLY_CORE.format(modules=sorted(set(EXTRAS) | BY_ITSELF))
    return python(script, *arguments, env=os.environ | {"PYTHONPATH": str(root / "src")})


@pytest.mark.slow
def test_the_plan_needs_the_core_only(root: Path) -> None:
    done = in_core(root, "plan")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["export", "all.npy", "out", "--format", "timm"], 'pip install "anonbench[train]"'),
        (["images", "export", "demo", "mask-100", "--to", "out"], "snakemake is not installed"),
    ],
)
def test_a_command_says_which_extra_it_needs(root: Path, command: list[str], message: str) -> None:
    done = in_core(root, *command)
    assert done.returncode == 1
    assert done.stderr.startswith("anonbench: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_another_missing_module_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ModuleNotFoundError("No module named 'unheard_of'", name="unheard_of")

    monkeypatch.setattr("anonbench.config.default_files.documents", fail)
    with pytest.raises(ModuleNotFoundError, match="unheard_of"):
        main(["config"])
