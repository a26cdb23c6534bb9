"""Environments for conda and the container, written from the pins of `make setup`."""

from __future__ import annotations

from pathlib import Path

import yaml

LOCK = Path("requirements.lock")
NO_DEPENDENCIES = Path("requirements-nodeps.lock")
CONDA = Path("envs/anonbench.yaml")
POST_DEPLOY = Path("envs/anonbench.post-deploy.sh")

_HEAD = "# Written from requirements.lock by `anonbench environments`. Do not edit.\n"


def read_pins(lock: Path) -> list[str]:
    """Read the `name==version` lines of a lock file."""
    lines = (line.split("#")[0].strip() for line in lock.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def conda_text(root: Path) -> str:
    """Environment for `--software-deployment-method conda`.

    Packages come from the same index at the same versions as in .venv; conda gives Python itself.
    """
    environment = {
        "channels": ["conda-forge", "nodefaults"],
        "dependencies": ["python=3.11", "pip", {"pip": read_pins(root / LOCK)}],
    }
    return _HEAD + yaml.safe_dump(environment, sort_keys=False)


def post_deploy_text(root: Path) -> str:
    """Script that Snakemake runs in the new environment, from the repository's root.

    It installs anonbench, and packages whose own version pins must be ignored.
    """
    pins = " ".join(read_pins(root / NO_DEPENDENCIES))
    install = "pip install --no-deps"
    return (
        f"#!/usr/bin/env bash\n{_HEAD}set -eu\n"
        f"{install} --ignore-requires-python {pins}\n"
        f"{install} --editable .\n"
    )


def write_environments(root: Path) -> list[Path]:
    """Write the files below `root` and return their paths."""
    texts = {CONDA: conda_text(root), POST_DEPLOY: post_deploy_text(root)}
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return list(texts)
