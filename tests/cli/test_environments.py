"""One set of pins: the lock, conda's environment and the container agree."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from anonbench.cli.main import (
    CONDA,
    LOCK,
    NO_DEPENDENCIES,
    POST_DEPLOY,
    conda_text,
    post_deploy_text,
    read_pins,
)


def test_the_lock_pins_what_is_asked_for_to_one_version(root: Path) -> None:
    for pin in read_pins(root / LOCK) + read_pins(root / NO_DEPENDENCIES):
        assert re.fullmatch(r"[A-Za-z0-9_.\-\[\]]+==[0-9][A-Za-z0-9.]*", pin), pin
    locked = {name.lower().replace("_", "-") for name, _ in split(root / LOCK)}
    for line in read_pins(root / "requirements.in"):
        name = line.split("==")[0].lower().replace("_", "-")
        assert name in locked, f"{name} is in requirements.in and not in the lock"
        if "==" in line:
            assert line.lower() in {pin.lower() for pin in read_pins(root / LOCK)}


def split(lock: Path) -> list[tuple[str, str]]:
    pairs = (pin.split("==") for pin in read_pins(lock))
    return [(name, version) for name, version in pairs]


def test_what_is_installed_is_what_is_pinned(root: Path) -> None:
    wrong = []
    for name, version in split(root / LOCK) + split(root / NO_DEPENDENCIES):
        try:
            installed = metadata.version(name).split("+")[0]
        except metadata.PackageNotFoundError:
            installed = "missing"
        if installed != version:
            wrong.append(f"{name}: {installed}, pinned {version}")
    if wrong and not (root / ".venv").exists():
        pytest.skip("not run in the environment that `make setup` makes")
    assert wrong == []


def test_condas_environment_comes_from_the_lock(root: Path) -> None:
    assert (root / CONDA).read_text(encoding="utf-8") == conda_text(root)
    assert (root / POST_DEPLOY).read_text(encoding="utf-8") == post_deploy_text(root)
    environment = yaml.safe_load((root / CONDA).read_text(encoding="utf-8"))
    assert environment["dependencies"][-1]["pip"] == read_pins(root / LOCK)


def test_the_container_installs_the_lock(root: Path) -> None:
    text = (root / "Dockerfile").read_text(encoding="utf-8")
    assert "FROM python:3.11" in text
    assert f"-r {LOCK}" in text
    assert f"--no-deps --ignore-requires-python -r {NO_DEPENDENCIES}" in text
    assert not re.search(r"pip install[^\n]*[a-z]==", text)
