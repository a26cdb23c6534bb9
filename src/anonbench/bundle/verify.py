"""Check a bundle: every file against the metadata, and every number that can be made again."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from anonbench.bundle import recompute
from anonbench.bundle.agreement import Agreement
from anonbench.bundle.contents import START
from anonbench.bundle.crate import METADATA, read_metadata
from anonbench.config import load
from anonbench.errors import InputError
from anonbench.provenance import file_digest


@dataclass(frozen=True)
class Verified:
    """What was found."""

    files: int
    """That the metadata lists."""
    wrong: tuple[str, ...]
    """A line for each file that is missing, or holds something else than is listed."""
    inputs: int
    """Files that nothing in the bundle gives again: only their checksums can be compared."""
    parts: tuple[Agreement, ...]

    @property
    def differences(self) -> list[str]:
        """Everything that is not as published, a line each."""
        lines = [*self.wrong]
        for part in self.parts:
            lines += part.told
            if rest := part.differ - len(part.told):
                lines.append(f"{part.name}: {rest:,} more numbers")
        return lines


def verify(bundle: Path, sample: int | None = None) -> Verified:
    """Check a bundle.

    Args:
        bundle: the folder, or the tar.
        sample: score at most so many queries from embeddings, and leave the classifiers out, to
            be faster; None makes all again.

    Raises:
        InputError: it is no bundle.

    """
    with _unpacked(bundle) as folder, tempfile.TemporaryDirectory() as scratch:
        listed = read_metadata(folder)
        wrong = []
        for file in listed:
            path = folder / file.path
            if not path.is_file():
                wrong.append(f"{file.path}: is not there")
            elif path.stat().st_size != file.size or file_digest(path) != file.sha256:
                wrong.append(f"{file.path}: holds something else than {METADATA} lists")
        parts = tuple(_parts(folder, Path(scratch), sample))
        names = [f.path for f in listed if f.path.startswith(f"{START}/")]
        return Verified(len(listed), tuple(wrong), len(names), parts)


def _parts(folder: Path, scratch: Path, sample: int | None) -> Iterator[Agreement]:
    config = load(yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8")))
    bundle = recompute.Bundle(folder, config, scratch)
    for name in bundle.experiment.datasets:
        yield from filter(None, [recompute.retrieval(bundle, name, sample)])
        if sample is None:
            yield from filter(None, [recompute.downstream(bundle, name)])
        yield from filter(None, [recompute.means(bundle, name)])
        yield from recompute.collected(bundle, name)
    yield from recompute.tables(bundle)
    yield from filter(None, [recompute.made_here(bundle)])


@contextmanager
def _unpacked(bundle: Path) -> Iterator[Path]:
    if bundle.is_dir():
        yield bundle
        return
    if not bundle.is_file():
        raise InputError(f"{bundle} is not there: name a bundle's folder or its tar")
    with tempfile.TemporaryDirectory() as temporary:
        try:
            with tarfile.open(bundle) as tar:
                tar.extractall(temporary, filter="data")
        except tarfile.TarError as error:
            raise InputError(f"{bundle} cannot be unpacked as a bundle: {error}") from None
        found = sorted(Path(temporary).glob(f"*/{METADATA}"))
        if not found:
            raise InputError(f"{bundle} is no bundle: {METADATA} is missing in it")
        yield found[0].parent
