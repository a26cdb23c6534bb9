"""The inputs and outputs of one job: checked before they are read, recorded when it ends well.

Snakemake plans ahead: where one job runs again, all that stands on it is planned too, and it
deletes a job's outputs before the job starts. So a job of a long stage also keeps a hard link to
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

from anonbench.core.errors import InputError
from anonbench.core.io import write_json
from anonbench.core.jobs.checksums import (
    DIGEST,
    REPLACED,
    digest_file,
    holds,
    read_checksum,
    record_of,
    verify,
    verify_against,
    write_checksum,
)
from anonbench.core.jobs.made_from import MADE_FROM, made_from
from anonbench.core.provenance import file_digest

KEPT = ".made"
"""Folder of the links beside the outputs; it may be deleted at any time."""
IDENTITY = "identity"
"""Key of the record of an output that can be put back."""
_SPENT = "spent"
_PLANNED = ("code", "given")
"""Parameters by which Snakemake sees what to run again. A job looks itself."""

log = logging.getLogger(__name__)


class JobCache:
    """The inputs and outputs of one job."""

    def __init__(
        self,
        script: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        parameters: Mapping[str, Any],
        results: Path | None = None,
    ) -> None:
        """Take what a job is.

        Args:
            script: the job's script; all code that it can reach is part of the identity.
            inputs: paths. Where a file's digest is among them too, the digest counts.
            outputs: paths; those that end in `.digest` are written here, for the file so called.
                What is kept lies in a folder `.made` beside each, and checksums in `.checksums`.
            parameters: all else that decides what the job makes; those for Snakemake alone (`code`,
                `given`) are left out.
            results: the folder in which every file has to be one that a job recorded. None: there
                is none, such as where a storage brings the files.

        """
        self._script = Path(script)
        self._inputs = [Path(path) for path in dict.fromkeys(inputs)]
        self._outputs = [Path(path) for path in outputs]
        self._kept = [path.parent / KEPT / path.name for path in self._outputs]
        self._made_from = {MADE_FROM: made_from(parameters, self._inputs, results)}
        self._parameters = {name: v for name, v in parameters.items() if name not in _PLANNED}
        self._results = results
        self._is_kept = False
        self._is_restored = False

    @cached_property
    def identity(self) -> str:
        """Digest of what the job is."""
        from anonbench.core.jobs.fingerprint import (
            code_digest,  # only jobs that can put outputs back need it
        )

        inputs = [path for path in sorted(self._inputs) if not self._is_told(path)]
        digests = [(str(path), file_digest(path)) for path in inputs]
        outputs = sorted(map(str, self._outputs))
        job = [digests, [self._parameters, code_digest(self._script), outputs]]
        text = json.dumps(job, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def begin(self, carried: Path | None = None) -> None:
        """Check all inputs, and note that the outputs are being made again.

        Args:
            carried: metadata of the bundle that the results come from.

        Raises:
            InputError: an input in the results is not what its job wrote.

        """
        bundle = _listed(carried) if carried else {}
        for path in self._inputs:
            if path in bundle:
                verify_against(path, *bundle[path])
            elif self._is_result(path):
                verify(path, must_be_known=True)
            elif digest := self._digest_of(path):
                verify_against(path, *_read_digest(digest))
        for path in self._outputs:
            if record := read_checksum(path):
                # while this job writes another output, it is nobody's change by hand
                write_json(record_of(path), record | {REPLACED: True})

    def restored(self, **facts: Any) -> bool:
        """Link the outputs back where this very job made them before; else `end` keeps them.

        Args:
            facts: what else decides what the job makes, and is known only once it runs.

        """
        from anonbench.core.jobs.resource_usage import ResourceUsage, nothing_to_do

        self._parameters |= facts
        self._is_kept = True
        records = [read_checksum(path) or {} for path in self._outputs]
        self._is_restored = all(
            record.get(IDENTITY) == self.identity and holds(kept, record)
            for kept, record in zip(self._kept, records, strict=True)
        )
        if not self._is_restored:
            return False
        for output, kept, record in zip(self._outputs, self._kept, records, strict=True):
            output.unlink(missing_ok=True)
            os.link(kept, output)
            os.utime(output)
            known = {key: record[key] for key in (IDENTITY, _SPENT) if key in record}
            write_checksum(output, record["sha256"], **known, **self._made_from)
        spent = records[0].get(_SPENT)
        log.info(nothing_to_do(ResourceUsage(*spent) if spent else None))
        return True

    def end(self) -> None:
        """Write the digests and the checksums of the outputs.

        Where `restored` was asked, outputs are also kept for a job of the same identity.
        """
        if self._is_restored:
            return
        digests: dict[Path, str] = {}
        for output in self._outputs:
            if output.suffix == DIGEST:
                of = output.with_suffix("")
                digests[of] = file_digest(of)
                output.write_text(f"{digests[of]}  {of.stat().st_size}\n", encoding="utf-8")
        known = {}
        if self._is_kept and self._linked():
            from anonbench.core.jobs.resource_usage import of_this_process

            known = {IDENTITY: self.identity, _SPENT: of_this_process()}
        for output in self._outputs:
            if self._is_kept or self._is_result(output):
                write_checksum(output, digests.get(output), **known, **self._made_from)

    def _linked(self) -> bool:
        """Link the outputs to where they are kept; tell whether the file system can."""
        try:
            for output, kept in zip(self._outputs, self._kept, strict=True):
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.unlink(missing_ok=True)
                os.link(output, kept)
        except OSError as error:  # no hard links: the job runs again instead
            log.info("outputs are not kept: %s", error.strerror)
            return False
        return True

    def _is_result(self, path: Path) -> bool:
        return self._results is not None and path.is_relative_to(self._results)

    def _digest_of(self, path: Path) -> Path | None:
        """Return the digest of an input, where that is an input too."""
        digest = Path(digest_file(str(path)))
        return digest if digest in self._inputs else None

    def _is_told(self, path: Path) -> bool:
        """Tell whether a digest among the inputs says what a file holds; an index's says it too."""
        index = path.with_suffix(".parquet") if path.suffix == ".tar" else path
        return bool(self._digest_of(path) or self._digest_of(index))


def _listed(metadata: Path) -> dict[Path, tuple[str, int]]:
    """Return digest and size of each file that a bundle carries."""
    from anonbench.core.jobs.bundled import listed_files

    return {
        metadata.parent / file.path: (file.sha256, file.size) for file in listed_files(metadata)
    }


def _read_digest(path: Path) -> tuple[str, int]:
    try:
        sha256, size = path.read_text(encoding="utf-8").split()
        return sha256, int(size)
    except ValueError:
        raise InputError(f"{path} is damaged: remove it and run again") from None
