"""Provenance of a result: package versions and digests of its inputs."""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path

PACKAGES = [
    *("torch", "timm", "facenet-pytorch", "rapidocr", "onnxruntime", "zxing-cpp"),
    *("opencv-contrib-python", "numpy", "scikit-learn", "snakemake"),
]
"""Packages whose versions the report names."""


def versions(*packages: str) -> dict[str, str]:
    """Return the installed versions of the packages that computed a result, anonbench's first."""
    names = ("anonbench", *packages)
    # a local part (2.13.0+cpu) identifies the build: left out so that bytes agree
    return {name: metadata.version(name).split("+")[0] for name in names}


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def installed(*packages: str) -> list[str]:
    """Return the packages that are installed, in their order."""
    found = {each.name for each in metadata.distributions()}
    return [name for name in packages if name in found]
