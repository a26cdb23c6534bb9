"""Before jobs are planned: results are what their records say, and Snakemake's records are theirs.

Snakemake believes what `.snakemake` says and looks at times alone. So what it knows of the results
is kept with the results, and comes back where `.snakemake` is lost or belongs to other results; and
a file that was changed by hand is put aside, so that it is made again.
"""

from __future__ import annotations

import gzip
import json
import logging
import os
import re
import secrets
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from anonbench.files import atomic
from anonbench.made import DIGEST, FOLDER, check, outputs
from anonbench.planning.codes import forget_codes

log = logging.getLogger(__name__)

RECORDS = ".records.json.gz"
BY_HAND = ".by-hand"
"""Suffix under which a file that was changed by hand is put aside: nothing is lost."""
_OWNER = "anonbench-owner"
_SHA = re.compile(r"\b[0-9a-f]{64}\b")
MISSING = "missing: changed by hand, or its job failed\n"


def settle(results: Path, snakemake: Path) -> list[Path]:
    """Make results and records agree; return the files that were changed by hand and put aside.

    Nothing is done while a run is going on: a dry run beside it is only to look.

    Args:
        results: folder of all results.
        snakemake: Snakemake's own folder, `.snakemake`.

    """
    if not results.is_dir() or _is_running(snakemake):
        return []
    owner, known = _owner(results), any(True for _ in _records(results, snakemake))
    if owner != _read(snakemake / _OWNER) or not known:
        if (results / RECORDS).exists():
            _restore_records(results, snakemake)
        elif _made(results):
            _forget(results, snakemake)
    changed = _changed_by_hand(results)
    _mark_missing(results)
    return changed


def remember(results: Path, snakemake: Path) -> None:
    """Keep what Snakemake knows of the results with them; to be called at the end of a run."""
    if not results.is_dir():
        return
    records = {
        name: path.read_text(encoding="utf-8") for name, path in _records(results, snakemake)
    }
    with atomic(results / RECORDS) as temporary:
        text = json.dumps(records, sort_keys=True).encode()
        temporary.write_bytes(gzip.compress(text, compresslevel=1, mtime=0))
    forget_codes(results, {digest for text in records.values() for digest in _SHA.findall(text)})
    owner = _owner(results) or secrets.token_hex(8)
    (results / f".{_OWNER}").write_text(owner, encoding="utf-8")
    (snakemake / _OWNER).write_text(owner, encoding="utf-8")


def _is_running(snakemake: Path) -> bool:
    """Tell whether a run holds Snakemake's lock: its results are not to be touched."""
    return any((snakemake / "locks").glob("*"))


def _restore_records(results: Path, snakemake: Path) -> None:
    """Replace Snakemake's records of the results by those that were kept with them."""
    for _, path in list(_records(results, snakemake)):
        path.unlink()
    records = json.loads(gzip.decompress((results / RECORDS).read_bytes()))
    for name, text in records.items():
        path = snakemake / "metadata" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (snakemake / _OWNER).write_text(_owner(results) or "")


def _forget(results: Path, snakemake: Path) -> None:
    """Take the outputs of long stages away, for nobody knows what they were made from.

    Their jobs are planned, and link them back where they would make the same again.
    """
    log.warning("nothing is known of the files in %s: each is checked by its job", results)
    for _, path in list(_records(results, snakemake)):
        path.unlink()
    for record in _made(results):
        for path in outputs(record):
            path.unlink(missing_ok=True)


def _mark_missing(results: Path) -> None:
    """Leave a digest that fits nothing where a job's outputs are gone, so that their readers run.

    Snakemake removes the outputs of a job that fails, and does not miss a file while what was made
    from it is there: a job that was to run again after an edit, and failed, would not be tried
    again. That the big file alone is missing, to save room, is no reason to make it again.
    """
    for record in _made(results):
        for path in outputs(record):
            if path.suffix == DIGEST and not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(MISSING, encoding="utf-8")


def _made(results: Path) -> list[Path]:
    return sorted(results.rglob(f"{FOLDER}/*.json"))


def _records(results: Path, snakemake: Path) -> Iterator[tuple[str, Path]]:
    """Yield name and path of Snakemake's records of the results, sorted."""
    metadata = snakemake / "metadata"
    prefix = os.path.relpath(results, snakemake.parent) + os.sep
    for path in sorted(metadata.rglob("*")):
        if path.is_file():
            name = path.relative_to(metadata).as_posix()
            # long names are cut into folders that begin with @
            coded = "".join(part.removeprefix("@") for part in name.split("/"))
            if urlsafe_b64decode(coded).decode().startswith(prefix):
                yield name, path


def _owner(results: Path) -> str:
    return _read(results / f".{_OWNER}")


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _changed_by_hand(results: Path) -> list[Path]:
    """Put aside what was changed by hand, and remove all digests of its job."""
    records = _made(results)
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(check, records))
    changed = []
    for record, paths in zip(records, found, strict=True):
        by_hand = [path for path in paths if not _is_mark(path)]
        if by_hand:
            digests = [path for path in outputs(record) if path.suffix == DIGEST]
            for path in by_hand:
                path.replace(path.with_name(path.name + BY_HAND))
            for path in {*digests} - {*by_hand}:
                path.unlink(missing_ok=True)
        changed += by_hand
    return changed


def _is_mark(path: Path) -> bool:
    return path.suffix == DIGEST and path.read_text(encoding="utf-8") == MISSING
