"""What a job made before, kept so that a job whose identity is unchanged ends at once.

Snakemake plans ahead: where one job runs again, all that stands on it is planned too, and it
deletes a job's outputs before the job starts. So every job of a long stage keeps a hard link to
each of its outputs (no copy, no disk) with its identity: the content of its inputs, its parameters
and its code. A job of the same identity links them back, before it loads anything heavy.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from anonbench.files import read_json, write_json
from anonbench.identity import code_digest
from anonbench.provenance import file_digest
from anonbench.spent import Spent, nothing_to_do, of_this_process

DIGEST = ".digest"
"""Suffix of the small file that says what a big one holds: the one that Snakemake compares."""
FOLDER = ".made"
_REPLACED = "replaced"
"""Key of a record whose job is being done again, or was killed while it was."""

log = logging.getLogger(__name__)


def digest_file(path: str) -> str:
    """Return where the digest of a big file is."""
    return path + DIGEST


class Made:
    """The outputs of one job, as they are and as they were."""

    def __init__(
        self,
        script: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        parameters: Mapping[str, Any],
    ) -> None:
        """Take what a job is.

        Args:
            script: the job's script; all code that it can reach is part of the identity.
            inputs: paths. Where a file's digest is among them too, the digest counts.
            outputs: paths; those that end in `.digest` are written here, for the file so called.
                What is kept lies in a folder `.made` beside each.
            parameters: all else that decides what the job makes; `code` is left out.

        """
        self._outputs = [Path(path) for path in outputs]
        self._kept = [path.parent / FOLDER / path.name for path in self._outputs]
        self._record = self._kept[0].with_name(self._kept[0].name + ".json")
        self._script = Path(script)
        self._inputs = inputs
        self._parameters = {name: v for name, v in parameters.items() if name != "code"}
        self._is_kept = False

    @cached_property
    def identity(self) -> str:
        """Digest of what the job is; asked first before it does its work."""
        outputs = sorted(map(str, self._outputs))
        return _identity(self._inputs, [self._parameters, code_digest(self._script), outputs])

    def restored(self, **facts: Any) -> bool:
        """Link the outputs back where this very job made them before; else `keep` keeps them.

        Args:
            facts: what else decides what the job makes, and is known only once it runs.

        """
        self._parameters |= facts
        self._is_kept = not self._restored()
        return not self._is_kept

    def _restored(self) -> bool:
        if not self.identity or not self._record.exists():
            return False
        try:
            record = read_json(self._record)
            files = record["files"]
            if record["identity"] != self.identity or len(files) != len(self._kept):
                # while this job writes other outputs, they are nobody's change by hand
                write_json(self._record, record | {_REPLACED: True})
                return False
        except (ValueError, KeyError, TypeError):
            return False
        if not all(map(_is_untouched, self._kept, files)):
            return False
        for output, kept in zip(self._outputs, self._kept, strict=True):
            output.parent.mkdir(parents=True, exist_ok=True)
            output.unlink(missing_ok=True)
            os.link(kept, output)
            os.utime(output)
        spent = Spent(*record["spent"]) if "spent" in record else None
        self._write_record([file["sha256"] for file in files], spent)
        log.info(nothing_to_do(spent))
        return True

    def keep(self) -> None:
        """Write the digests, and keep the outputs for a job of the same identity.

        Nothing is done where `restored` was not asked, or has put the outputs back.
        """
        if not self._is_kept:
            return
        digests = {}
        for output in self._outputs:
            if output.suffix == DIGEST:
                of = output.with_suffix("")
                digests[of] = file_digest(of)
                output.write_text(f"{digests[of]}  {of.stat().st_size}\n", encoding="utf-8")
        self._record.unlink(missing_ok=True)
        try:
            for output, kept in zip(self._outputs, self._kept, strict=True):
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.unlink(missing_ok=True)
                os.link(output, kept)
        except OSError as error:  # a file system without hard links: the job runs again instead
            log.info("outputs are not kept: %s", error.strerror)
            return
        kept_digests = [digests.get(path) or file_digest(path) for path in self._outputs]
        self._write_record(kept_digests, of_this_process())

    def _write_record(self, digests: Sequence[str], spent: Spent | None) -> None:
        folder = self._outputs[0].parent
        files = [
            {
                # two outputs of a job may have one name, in two folders
                "name": os.path.relpath(output, folder),
                "sha256": digest,
                "size": kept.stat().st_size,
                "modified": kept.stat().st_mtime_ns,
            }
            for digest, output, kept in zip(digests, self._outputs, self._kept, strict=True)
        ]
        record = {"identity": self.identity, "files": files}
        write_json(self._record, record | ({"spent": spent} if spent else {}))


def outputs(record: Path) -> list[Path]:
    """Return the outputs of a kept job."""
    try:
        return [_output(record, file["name"]) for file in read_json(record)["files"]]
    except (ValueError, KeyError, TypeError):
        return []


def check(record: Path) -> list[Path]:
    """Return the outputs of a kept job that hold something else than what it made.

    Contents are compared where the time is another one; that an output is missing is no change.
    """
    try:
        content = read_json(record)
        names = {file["name"]: file for file in content["files"]}
        if content.get(_REPLACED):
            return []
    except (ValueError, KeyError, TypeError):
        return []
    changed, confirmed = [], False
    for name, file in names.items():
        output = _output(record, name)
        if not output.exists() or output.stat().st_mtime_ns == file["modified"]:
            continue
        if _is_untouched(output, file):
            file["modified"], confirmed = output.stat().st_mtime_ns, True
        else:
            changed.append(output)
    if confirmed and not changed:
        write_json(record, content | {"files": list(names.values())})
    return changed


def _output(record: Path, name: str) -> Path:
    return Path(os.path.normpath(record.parent.parent / name))


def _is_untouched(kept: Path, file: Mapping[str, Any]) -> bool:
    try:
        stat = kept.stat()
    except FileNotFoundError:
        return False
    if stat.st_size != file["size"]:
        return False
    # a file that was copied or touched has another time and may hold the same
    return bool(stat.st_mtime_ns == file["modified"] or file_digest(kept) == file["sha256"])


def _identity(inputs: Sequence[str], parameters: Any) -> str:
    given = {path for path in inputs if path.endswith(DIGEST)}
    digests = sorted(
        (path, file_digest(Path(path)))
        for path in set(inputs)
        # an index holds the digest of every image in its shard
        if path in given or not {digest_file(path), digest_file(_index(path))} & given
    )
    text = json.dumps([digests, parameters], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _index(path: str) -> str:
    return path.removesuffix("tar") + "parquet" if path.endswith(".tar") else path
