"""Verification of a bundle: every file against the digest that its metadata lists."""

from __future__ import annotations

import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from anonbench.bundle.contents import PUBLISHED, START
from anonbench.bundle.crate import METADATA, require_bundle
from anonbench.core.errors import InputError
from anonbench.core.jobs.bundled import listed_files
from anonbench.core.provenance import file_digest

_SNAKEMAKE = ".snakemake"
_TIMES = f"{START}/benchmarks/"
"""Measured times of jobs, never the same twice."""


@dataclass(frozen=True)
class Verified:
    """What was found."""

    files: int
    """That the metadata lists."""
    wrong: tuple[str, ...]
    """A line for each file that is missing, or holds something else than is listed."""
    unlisted: tuple[str, ...]
    """Files that somebody put there: the metadata does not list them, the workflow makes none."""
    made_here: int
    """Files not listed that are where the workflow writes in a bundle's folder."""
    compared: int
    """Those of them that the run had made too."""
    changed: tuple[str, ...]
    """A line for each of these with other bytes than the run's."""

    @property
    def differences(self) -> list[str]:
        """Everything that is not as published, a line each."""
        strange = [f"{path}: is not listed in {METADATA}" for path in self.unlisted]
        return [*self.wrong, *strange, *self.changed]


def verify(bundle: Path) -> Verified:
    """Check a bundle, a folder or a tar, and what the workflow made in its folder.

    Raises:
        InputError: it is no bundle, or holds a link or a special file.

    """
    with _unpacked(bundle) as folder:
        there = set(_files(folder))
        listed = {file.path: file for file in listed_files(folder / METADATA)}
        unlisted = there - listed.keys() - {METADATA}
        made_here = {path for path in unlisted if folder == bundle and _is_made_here(path)}
        wrong = []
        for path, file in listed.items():
            if path not in there:
                wrong.append(f"{path}: is not there")
            elif not _holds(folder / path, file.size, file.sha256):
                wrong.append(f"{path}: holds something else than {METADATA} lists")
        published = {
            path: path.replace(START, PUBLISHED, 1)
            for path in sorted(made_here)
            if not path.startswith(_TIMES)
        }
        again = {path: listed[run] for path, run in published.items() if run in listed}
        return Verified(
            len(listed),
            tuple(wrong),
            tuple(sorted(unlisted - made_here)),
            len(made_here),
            len(again),
            tuple(
                f"{path}: other bytes than {published[path]}"
                for path, file in again.items()
                if not _holds(folder / path, file.size, file.sha256)
            ),
        )


def _holds(path: Path, size: int, sha256: str) -> bool:
    return path.stat().st_size == size and file_digest(path) == sha256


def _is_made_here(path: str) -> bool:
    """Tell whether the workflow, run in a bundle's folder, may have written a file."""
    return path.startswith(f"{START}/") or "/__pycache__/" in path


def _files(folder: Path) -> Iterator[str]:
    """Give the paths of all files of a bundle; nothing else is read, so that all stays in it."""
    for place, folders, names in os.walk(folder):
        if Path(place) == folder and _SNAKEMAKE in folders:
            folders.remove(_SNAKEMAKE)
        for path in (Path(place, name) for name in (*folders, *names)):
            relative = path.relative_to(folder).as_posix()
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                raise InputError(
                    f"{folder}: {relative} is a link or a special file, and a bundle has none"
                )
            if path.is_file():
                yield relative


@contextmanager
def _unpacked(bundle: Path) -> Iterator[Path]:
    require_bundle(bundle)
    if bundle.is_dir():
        yield bundle
        return
    with tempfile.TemporaryDirectory() as temporary:
        try:
            with tarfile.open(bundle) as tar:
                tar.extractall(temporary, filter="data")
        except tarfile.TarError as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{bundle} cannot be unpacked as a bundle: {reason}") from None
        found = sorted(Path(temporary).glob(f"*/{METADATA}"))
        if not found:
            raise InputError(f"{bundle} is no bundle: {METADATA} is missing in it")
        yield found[0].parent
