"""Verification of a bundle: its files against the metadata, its numbers against recomputed ones."""

from __future__ import annotations

import os
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from anonbench.bundle.agreement import Agreement, joined
from anonbench.bundle.contents import PUBLISHED, START
from anonbench.bundle.crate import METADATA, read_metadata, require_bundle
from anonbench.bundle.recompute import accuracies, rankings, scores, tables
from anonbench.bundle.recompute.unpacked import Bundle
from anonbench.config import Config, load
from anonbench.core.errors import InputError
from anonbench.core.provenance import file_digest

_SNAKEMAKE = ".snakemake"


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
    inputs: int
    """Files that nothing in the bundle gives again: only their checksums can be compared."""
    parts: tuple[Agreement, ...]

    @property
    def differences(self) -> list[str]:
        """Everything that is not as published, a line each."""
        lines = [*self.wrong, *(f"{path}: is not listed in {METADATA}" for path in self.unlisted)]
        for part in self.parts:
            lines += part.differences
            if rest := part.differ - len(part.differences):
                lines.append(f"{part.name}: {rest:,} more numbers")
        return lines


def verify(bundle: Path, sample: int | None = None) -> Verified:
    """Check a bundle.

    Args:
        bundle: the folder, or the tar.
        sample: score at most so many queries from embeddings, and leave the classifiers out, to
            be faster; None makes all again.

    Raises:
        InputError: it is no bundle, or holds a link or a special file.

    """
    with _unpacked(bundle) as folder, tempfile.TemporaryDirectory() as scratch:
        there = set(_files(folder))
        listed = read_metadata(folder)
        unlisted = there - {file.path for file in listed} - {METADATA}
        made_here = {path for path in unlisted if folder == bundle and _is_made_here(path)}
        wrong = []
        for file in listed:
            path = folder / file.path
            if file.path not in there:
                wrong.append(f"{file.path}: is not there")
            elif path.stat().st_size != file.size or file_digest(path) != file.sha256:
                wrong.append(f"{file.path}: holds something else than {METADATA} lists")
        parts = tuple(_parts(folder, Path(scratch), sample))
        names = [f.path for f in listed if f.path.startswith(f"{START}/")]
        strange = tuple(sorted(unlisted - made_here))
        return Verified(len(listed), tuple(wrong), strange, len(made_here), len(names), parts)


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


def _parts(folder: Path, scratch: Path, sample: int | None) -> Iterator[Agreement]:
    bundle = Bundle(folder, _config(folder / "config.yaml"), scratch)
    for name in bundle.experiment.datasets:
        yield from _tried("retrieval", name, rankings.retrieval, bundle, name, sample)
        if sample is None:
            yield from _tried("downstream", name, accuracies.downstream, bundle, name)
        yield from _tried("means", name, scores.means, bundle, name)
        yield from _tried("scores", name, scores.collected, bundle, name)
    yield from _tried("tables", "tables", tables.tables, bundle)
    yield from _tried("made here", "files", _made_here, bundle)


def _tried(
    part: str,
    name: str,
    make: Callable[..., Agreement | Iterable[Agreement] | None],
    *arguments: object,
) -> list[Agreement]:
    """Return what is made; where a file of the bundle is damaged, that nothing can be."""
    try:
        made = make(*arguments)
        return [made] if isinstance(made, Agreement) else list(made or ())
    except (OSError, ValueError, TypeError, LookupError, InputError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        return [Agreement(part, name, 1, 0, 0, (f"{name}: {part} cannot be made again: {reason}",))]


def _config(path: Path) -> Config:
    try:
        return load(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read ({type(error).__name__}): get it again") from None


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


def _made_here(bundle: Bundle) -> Agreement | None:
    """What the workflow made in the bundle's folder, byte by byte; None where it has not run."""
    published = bundle.folder / PUBLISHED
    found = []
    for file in sorted(published.rglob("*")):
        path = file.relative_to(published)
        recomputed = bundle.folder / START / path
        if file.is_file() and recomputed.is_file() and path.parts[0] != "benchmarks":
            same = file.read_bytes() == recomputed.read_bytes()
            differences = () if same else (f"{START}/{path}: other bytes than {PUBLISHED}/{path}",)
            found.append(Agreement("made here", str(path), 1, int(same), 0, differences))
    return joined("made here", "files", found) if found else None
