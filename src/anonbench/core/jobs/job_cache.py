"""Check of a job's inputs, and of its earlier outputs by its inputs, parameters and code.

Snakemake plans ahead: if one job runs again, all jobs after it are planned too. So the earlier
outputs of a job of a long stage are not removed, and their records have its identity: the content
of its inputs, its parameters and its code. A job with the same identity ends before it loads
anything heavy.
"""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from anonbench.core.errors import InputError
from anonbench.core.io import write_json
from anonbench.core.jobs import checksums
from anonbench.core.jobs.checksums import DIGEST, MADE, REPLACED
from anonbench.core.provenance import file_digest

IDENTITY = "identity"  # key in the record of an output of a job that calls `JobCache.is_done`
_KEPT = ".kept"
"""Suffix of the benchmark of the job that made the outputs, beside that of a job that kept them."""
RUN = "run"  # parameter that names a run of the job (`anonbench.workflow.rule_parts`)
_ONLY_PLANNED = {"user_files", RUN}
"""Parameters that only Snakemake's planning needs: of the first, inputs have the information."""

log = logging.getLogger(__name__)


class JobCache:
    """The inputs and outputs of one job."""

    def __init__(
        self,
        inputs: Sequence[str | Path],
        outputs: Sequence[str | Path],
        parameters: Mapping[str, Any],
        results: Path | None = None,
        benchmark: Path | None = None,
    ) -> None:
        """Take the parts of a job.

        If the digest file of an input is among the inputs too, it is hashed instead of the input.
        Outputs that end in `.digest` are written here. The `parameters` are everything else that
        decides the outputs, such as the digest of the code. Every file in the folder `results`
        needs a record; if it is None, files have none, for example because they come from a
        storage. Snakemake writes the `benchmark` also of a job that keeps its outputs.
        """
        self._inputs = [Path(path) for path in dict.fromkeys(inputs)]
        made = [Path(path) for path in outputs]
        self._outputs = [path for path in made if path.suffix != MADE]
        self._made = [path for path in made if path.suffix == MADE]
        self._given = parameters
        self._parameters = {name: v for name, v in parameters.items() if name not in _ONLY_PLANNED}
        self._results, self._benchmark = results, benchmark
        self._digests = {p.with_suffix(""): p for p in self._inputs if p.suffix == DIGEST}
        self._asked = self._is_done = False
        self._parts: list[JobCache] = []

    def part(self, inputs: Sequence[str | Path], outputs: Sequence[str | Path]) -> JobCache:
        """Cache of some of the outputs, which depend on some of the inputs only.

        Its `end` is to be called when these outputs are written.
        """
        self._parts.append(JobCache(inputs, outputs, self._given, self._results))
        return self._parts[-1]

    def parts(self, inputs: Any, outputs: Any) -> dict[str, JobCache]:
        """A part for each big output, which depends on the inputs of the same name.

        Both are Snakemake's; an output is big if it has a digest file, `<name>_digest`.
        """

        def files(given: Any, name: str) -> list[Any]:
            named = (given.get(each, []) for each in (name, f"{name}_digest"))
            return [file for f in named for file in (f if isinstance(f, list) else [f])]

        names = [name for name, _ in outputs.items() if outputs.get(f"{name}_digest")]
        return {name: self.part(files(inputs, name), files(outputs, name)) for name in names}

    @cached_property
    def identity(self) -> str:
        """Digest of the job's inputs, parameters and names of outputs."""
        indices = (path for path in self._digests if path.suffix == ".parquet")
        by_digest = {*self._digests, *(path.with_suffix(".tar") for path in indices)}
        inputs = sorted({*self._inputs} - by_digest)
        digests = [(str(path), file_digest(path)) for path in inputs]
        job = [digests, self._parameters, sorted(map(str, self._outputs))]
        return hashlib.sha256(json.dumps(job, sort_keys=True, default=str).encode()).hexdigest()

    def begin(self, carried: Path | None = None) -> None:
        """Check all inputs, and mark the outputs as being made again.

        Args:
            carried: metadata of the bundle that the results come from.

        Raises:
            InputError: an input in the results is not as its job wrote it.
        """
        listed = checksums.listed_files(carried) if carried else {}
        bundle = {carried.parent / file: listed[file] for file in listed} if carried else {}
        for path in self._inputs:
            if path in bundle:
                checksums.verify_against(path, bundle[path])
            elif self._is_result(path):
                checksums.verify(path, must_be_known=True)
            elif path in self._digests:
                checksums.verify_against(path, _read_digest(self._digests[path]))
        for path in self._outputs:
            # a half-written output was not changed by hand
            if record := checksums.read_checksum(path):
                write_json(checksums.record_of(path), record | {REPLACED: True})

    def is_done(self, **facts: Any) -> bool:
        """Check whether the outputs are those of this identity; remove them otherwise.

        Snakemake does not remove the outputs of a job that calls this. The `facts` are further
        parts of the identity, known only in the job.
        """
        self._parameters |= facts
        self._asked = True
        records = {output: checksums.read_checksum(output) or {} for output in self._outputs}
        self._is_done = all(
            record.get(IDENTITY) == self.identity and checksums.holds(output, record)
            for output, record in records.items()
        )
        for output, record in records.items():
            if self._is_done:
                os.utime(output)
                checksums.write_checksum(output, record["sha256"], **{IDENTITY: self.identity})
            else:
                output.unlink(missing_ok=True)
        if self._is_done:
            log.info("nothing that this job depends on has changed: its outputs are kept")
        return self._is_done

    def end(self) -> None:
        """Write digests and records of the outputs, unless they were done before."""
        is_kept = self._is_done or (bool(self._parts) and all(p._is_done for p in self._parts))
        if self._benchmark is not None:
            kept = self._benchmark.with_suffix(_KEPT)
            if not is_kept:
                kept.unlink(missing_ok=True)
            elif self._benchmark.is_file() and not kept.exists():
                shutil.copyfile(self._benchmark, kept)
        digests: dict[Path, str] = {}
        done = {output for part in self._parts for output in part._outputs}
        outputs = [path for path in self._outputs if path not in done and not self._is_done]
        for output in outputs:
            if output.suffix == DIGEST:
                file = output.with_suffix("")
                digests[file] = file_digest(file)
                output.write_text(f"{digests[file]}  {file.stat().st_size}\n", encoding="utf-8")
        known = {IDENTITY: self.identity} if self._asked else {}
        for output in outputs:
            if self._asked or self._is_result(output):
                checksums.write_checksum(output, digests.get(output), **known)
        for path in self._made:
            path.write_text(str(self._given[RUN]), encoding="utf-8")

    def _is_result(self, path: Path) -> bool:
        return self._results is not None and path.is_relative_to(self._results)


def _read_digest(path: Path) -> dict[str, Any]:
    try:
        sha256, size = path.read_text(encoding="utf-8").split()
        return {"sha256": sha256, "size": int(size)}
    except ValueError:
        raise InputError(f"{path} is damaged: remove it and run again") from None


class ResourceUsage(NamedTuple):
    """Time and memory used by one run of a job."""

    seconds: float
    cpu_seconds: float
    mebibytes: float  # peak of resident memory


def read_usage(benchmark: Path) -> ResourceUsage | None:
    """Time and memory of the job that made its outputs; None if the file is missing or empty.

    Snakemake measures no CPU time and memory of very short jobs: they count as zero.

    Raises:
        InputError: the file is not a benchmark file of Snakemake.
    """
    if (kept := benchmark.with_suffix(_KEPT)).is_file():
        benchmark = kept
    if not benchmark.is_file():
        return None
    rows = [*csv.DictReader(benchmark.read_text("utf-8").splitlines(), delimiter="\t")]
    if not rows:
        return None
    try:
        found = (rows[-1][name] or "NA" for name in ("s", "cpu_time", "max_rss"))
        return ResourceUsage(*(0.0 if text == "NA" else float(text) for text in found))
    except (KeyError, ValueError):
        raise InputError(f"{benchmark}: not a benchmark file of Snakemake; remove it") from None
