"""Verification of a bundle: every file is checked against the digest in its metadata."""

import os
import posixpath
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from anonbench.bundle.contents import PUBLISHED, START
from anonbench.bundle.crate import METADATA, require_bundle
from anonbench.core.errors import InputError
from anonbench.core.jobs.checksums import holds, listed_files

_SNAKEMAKE = ".snakemake"
_TIMES = f"{START}/benchmarks/"  # measured times of jobs, which differ in every run


@dataclass(frozen=True)
class Verified:
    """Result of a verification."""

    files: int  # number of files that the metadata lists
    wrong: tuple[str, ...]
    """One line for each file that is missing or differs from its listed digest."""
    unlisted: tuple[str, ...]
    """Added files: neither listed in the metadata nor made by the workflow."""
    made_here: int  # number of unlisted files in places where the workflow writes
    compared: int  # number of these files that the original run had made too
    changed: tuple[str, ...]
    """One line for each of these whose bytes differ from the original run's."""

    @property
    def differences(self) -> list[str]:
        """All differences from the published bundle, one line each."""
        strange = [f"{path}: is not listed in {METADATA}" for path in self.unlisted]
        return [*self.wrong, *strange, *self.changed]


def verify(bundle: Path) -> Verified:
    """Check a bundle (a folder or a tar), and the workflow's outputs in its folder.

    Raises:
        InputError: it is not a bundle, or contains a link or a special file.
    """
    with _unpacked(bundle) as folder:
        there = set(_files(folder, is_run_here=folder == bundle))
        listed = listed_files(folder / METADATA)

        def differs(path: str, published: str) -> bool:
            return not holds(folder / path, listed[published])

        unlisted = there - listed.keys() - {METADATA}
        # the workflow, run in a bundle's folder, writes below the results
        made_here = {p for p in unlisted if folder == bundle and p.startswith(f"{START}/")}
        made = {path: path.replace(START, PUBLISHED, 1) for path in sorted(made_here)}
        again = {p: old for p, old in made.items() if old in listed and not p.startswith(_TIMES)}
        wrong = {path: "is not there" for path in listed if path not in there}
        wrong |= {
            path: f"differs from what {METADATA} lists"
            for path in listed.keys() & there
            if differs(path, path)
        }
        return Verified(
            len(listed),
            tuple(f"{path}: {wrong[path]}" for path in listed if path in wrong),
            tuple(sorted(unlisted - made_here)),
            len(made_here),
            len(again),
            tuple(f"{p}: other bytes than {old}" for p, old in again.items() if differs(p, old)),
        )


def _files(folder: Path, is_run_here: bool) -> Iterator[str]:
    """Yield paths of all files but Snakemake's own; InputError for links, which may leave it."""
    for place, folders, names in os.walk(folder):
        if is_run_here and Path(place) == folder and _SNAKEMAKE in folders:
            folders.remove(_SNAKEMAKE)
        for path in (Path(place, name) for name in (*folders, *names)):
            relative = path.relative_to(folder).as_posix()
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                raise InputError(
                    f"{folder}: {relative} is a link or a special file, which a bundle must not "
                    "contain"
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
                names = Counter(posixpath.normpath(each.name) for each in tar)
                if twice := next((name for name, count in names.items() if count > 1), None):
                    raise InputError(
                        f"{bundle} has {twice} twice, and programs show the one or the other: "
                        "get it again"
                    )
                tar.extractall(temporary, filter="data")
        except (tarfile.ReadError, EOFError):  # the latter of a compressed one that is cut off
            raise InputError(
                f"{bundle} is no tar, or a damaged one: name a bundle's folder or its tar"
            ) from None
        except tarfile.TarError as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{bundle} cannot be unpacked as a bundle: {reason}") from None
        top = sorted(Path(temporary).iterdir())
        found = [path for path in top if (path / METADATA).is_file()]
        if not found:
            raise InputError(f"{bundle} is not a bundle: {METADATA} is missing")
        if others := [path.name for path in top if path != found[0]]:
            raise InputError(
                f"{bundle} has {others[0]!r} beside {found[0].name!r}, which nothing checks: "
                "a bundle is one folder, so get it again"
            )
        yield found[0]
