"""Before jobs are planned: results are what their records say, and Snakemake's records are theirs.

Snakemake believes what `.snakemake` says and looks at times alone. So what it knows of the results
is kept with the results, and comes back where `.snakemake` is lost or belongs to other results; and
a file that was changed by hand is put aside, so that it is made again.
"""

from __future__ import annotations

import gzip
import logging
import os
import re
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from anonbench import __version__
from anonbench.files import atomic
from anonbench.lock import is_locked
from anonbench.made import DIGEST, FOLDER, check, outputs
from anonbench.planning.codes import forget_codes
from anonbench.records import decoded, forget, pack, records_of, unpack

log = logging.getLogger(__name__)

RECORDS = ".records.json.gz"
BY_HAND = ".by-hand"
"""Suffix under which a file that was changed by hand is put aside: nothing is lost."""
_OWNER = "anonbench-owner"
_VERSION = ".anonbench-version"
_READ = (".csv", ".json", ".npz", ".parquet")
"""Suffixes of files that other jobs read: nobody misses a figure but who asks for it."""
_CLOCK_SECONDS = 2.0
_SHA = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
MISSING = "missing: changed by hand, or its job failed\n"


def settle(results: Path, snakemake: Path) -> list[Path]:
    """Make results and records agree; return the files that were changed by hand and put aside.

    Nothing is done while a run is going on: a dry run beside it is only to look.

    Args:
        results: folder of all results.
        snakemake: Snakemake's own folder, `.snakemake`.

    """
    if not results.is_dir() or is_locked(snakemake):
        return []
    owner, known = _owner(results), any(True for _ in _records(results, snakemake))
    is_foreign = owner != _read(snakemake / _OWNER) or not known
    if is_foreign and not _restore_records(results, snakemake) and _made(results):
        _forget(results, snakemake)
    changed = _changed_by_hand(results)
    _mark_missing(results)
    _begin_again(results, snakemake)
    _take_from_the_future(results)
    return changed


def remember(results: Path, snakemake: Path) -> None:
    """Keep what Snakemake knows of the results with them; to be called at the end of a run."""
    if not results.is_dir():
        return
    try:
        _remember(results, snakemake)
    except OSError as error:  # a full disk, which has failed the run: that is said already
        log.warning("what is known of the files in %s is not kept there: %s", results, error)


def _remember(results: Path, snakemake: Path) -> None:
    with atomic(results / RECORDS) as temporary:
        packed = pack(_prefixes(results, snakemake), snakemake)
        temporary.write_bytes(packed)
    forget_codes(results, {*_SHA.findall(gzip.decompress(packed).decode())})
    owner = _owner(results) or secrets.token_hex(8)
    (results / f".{_OWNER}").write_text(owner, encoding="utf-8")
    (snakemake / _OWNER).write_text(owner, encoding="utf-8")
    (results / _VERSION).write_text(__version__, encoding="utf-8")


def of_another_version(results: Path) -> str | None:
    """Say what becomes of results that another version of anonbench wrote; else None."""
    version = _read(results / _VERSION)
    if version in ("", __version__):
        return None
    return (
        f"{results} was written by anonbench {version}, and this is {__version__}: what it "
        "computes otherwise is made again, in place of what is there. To keep that, give another "
        f"folder: --config results=results/{__version__}"
    )


def _restore_records(results: Path, snakemake: Path) -> bool:
    """Replace Snakemake's records of the results by those kept with them; tell if there are any."""
    if not (results / RECORDS).exists():
        return False
    try:
        unpack((results / RECORDS).read_bytes(), _prefixes(results, snakemake), snakemake)
    except ValueError:
        log.warning("%s is damaged and not used", results / RECORDS)
        return False
    (snakemake / _OWNER).write_text(_owner(results) or "")
    return True


def _forget(results: Path, snakemake: Path) -> None:
    """Take the outputs of long stages away, for nobody knows what they were made from.

    Their jobs are planned, and link them back where they would make the same again.
    """
    log.warning("nothing is known of the files in %s: each is checked by its job", results)
    forget(_prefixes(results, snakemake), snakemake)
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


def _begin_again(results: Path, snakemake: Path) -> None:
    """Have the jobs done whose outputs are gone, since they were killed or failed or by hand.

    As `_mark_missing`, for the small files of other jobs: Snakemake would not miss them while what
    was made from them is there. It does a job again whose output is there and marked as incomplete.
    A folder that is gone as a whole is not missed.
    """
    known = dict(_records(results, snakemake)) | dict(_records(results, snakemake, "incomplete"))
    paths = {name: snakemake.parent / decoded(name) for name in known}
    gone = {n: p for n, p in paths.items() if p.suffix in _READ and not p.exists()}
    if not gone:
        return
    kept = {path.resolve() for record in _made(results) for path in outputs(record)}
    for name, path in gone.items():
        if path.resolve() in kept or not path.parent.is_dir():
            continue
        path.write_text(MISSING, encoding="utf-8")
        mark = snakemake / "incomplete" / name
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()


def _take_from_the_future(results: Path) -> None:
    """Give files that another machine's clock dated ahead the time that it is now.

    Snakemake refuses what is made from them, as older than they are.
    """
    now = time.time()
    ahead = 0
    for folder, _, names in os.walk(results):
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118 - results have very many files
            with suppress(OSError):  # a link to nowhere, or someone else's
                if os.stat(path).st_mtime > now + _CLOCK_SECONDS:  # noqa: PTH116
                    os.utime(path, (now, now))
                    ahead += 1
    if ahead:
        log.warning(
            "%d files in %s were of the future and are dated now: the clocks of the machines that "
            "wrote them differ",
            ahead,
            results,
        )


def _made(results: Path) -> list[Path]:
    return sorted(results.rglob(f"{FOLDER}/*.json"))


def _records(results: Path, snakemake: Path, kind: str = "metadata") -> Iterator[tuple[str, Path]]:
    return records_of(_prefixes(results, snakemake), snakemake, kind)


def _prefixes(results: Path, snakemake: Path) -> tuple[str, ...]:
    # as the config names the folder: from where Snakemake runs, or whole
    places = (os.path.relpath(results, snakemake.parent), os.path.abspath(results))  # noqa: PTH100
    return tuple(place + os.sep for place in places)


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
