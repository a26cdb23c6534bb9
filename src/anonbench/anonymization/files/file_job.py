"""Anonymization of one file: read, search, hide, write, audit."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from anonbench.anonymization.apply import layers
from anonbench.anonymization.audit import Failure
from anonbench.anonymization.audit.blocks import Source
from anonbench.anonymization.audit.check import check_written
from anonbench.anonymization.files.corrections import (
    OfImage,
    additions,
    corrected,
    digest_of_corrections,
)
from anonbench.anonymization.files.document import SEED, Documents
from anonbench.anonymization.files.places import OF_NAMES, remove, target
from anonbench.anonymization.files.record import Outcome, as_rows, in_draw_order, is_passing
from anonbench.anonymization.files.stored import SUFFIXES, stored, write
from anonbench.config import Anonymization, Detection
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError, UnreadableImage
from anonbench.core.memory import memory_for
from anonbench.core.vocabulary import Variant
from anonbench.core.workers import DIED
from anonbench.datasets.coding_blocks import add_coding_blocks
from anonbench.datasets.formats.pdf import SUFFIX, is_pdf
from anonbench.datasets.images import SeveralFrames, open_checked, read_image
from anonbench.datasets.inputs import ImageFile
from anonbench.detection.search import DetectorFailed, Search


@dataclass(frozen=True)
class Job:
    """How all files are anonymized."""

    to: Path
    detectors: tuple[str, ...]
    variant: Variant
    detection: Detection
    anonymization: Anonymization
    keep_without_regions: bool


@dataclass(frozen=True)
class Task:
    """One image, and what is recorded of it."""

    image: ImageFile
    before: Outcome | None = None
    refused: str = ""
    """Why it cannot be written, whatever is in it."""
    taken: tuple[str, ...] = ()
    """Suffixes that its name cannot get."""
    corrections: OfImage = field(default_factory=dict)
    """What a person adds to and removes from the regions that are found."""
    seen: str = ""
    """SHA-256 of the file that the person saw; empty where that is not recorded."""

    @property
    def taken_names(self) -> set[str]:
        """Names that are other images', and might be its copy's."""
        return {self.image.name + suffix for suffix in self.taken}


class Anonymizer:
    """Anonymizes one file after the other."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._search = Search(job.detectors, job.detection)

    def __call__(self, task: Task) -> Outcome:
        """Outcome of an image; its file is written, or none is left."""
        try:
            done = self._done(task)
        except SeveralFrames as error:
            done = Outcome(
                task.image.name,
                "unreadable",
                f"{error}, of which no copy is made: save each as an image, or all as a PDF",
            )
        except UnreadableImage as error:
            done = Outcome(task.image.name, "unreadable", str(error))
        if not task.refused:
            _remove_others(self._job.to, task, done)
        return done

    def _done(self, task: Task) -> Outcome:
        image, limit = task.image, self._job.detection.max_pixels
        if task.refused:
            return Outcome(image.name, "failed", task.refused)
        data = image.data(limit)
        digest = hashlib.sha256(data).hexdigest()
        before = task.before
        if task.seen and task.seen != digest:  # another image by now
            task = replace(task, corrections=additions(task.corrections))
        if before and before.output not in task.taken_names and self._is_done(task, before, digest):
            return before
        if is_pdf(data) and image.name.lower().endswith(SUFFIX):  # else the copy's name would lie
            found = Outcome(image.name, "failed", "", digest)
            work = Documents(self._job, self._search, task.corrections)
            return work.anonymized(image.id, found, data)
        with open_checked(data, None) as header:
            pixels = header.width * header.height
        with memory_for(pixels):
            return self._anonymized(task, data, digest)

    def _anonymized(self, task: Task, data: bytes, digest: str) -> Outcome:
        image = task.image
        original = read_image(data, self._job.detection.max_pixels)
        original.flags.writeable = False  # it is what the result is held against
        height, width = original.shape[:2]
        found = Outcome(image.name, "failed", "", digest, width=width, height=height)
        try:
            seen = self._search.searched(original)
        except DetectorFailed as error:
            return replace(found, reason=str(error))
        own = task.corrections.get(image.name, [])
        after, fault = corrected(seen.regions, own, width, height)
        if fault:
            return replace(found, reason=fault)
        regions = in_draw_order(image.id, after, SEED)
        found = replace(found, searched=[seen.how])
        if own:
            before = in_draw_order(image.id, seen.regions, SEED)
            digest = digest_of_corrections(task.corrections)
            found = replace(found, corrected=digest, found=as_rows(before, 0))
        if not regions and not self._job.keep_without_regions:
            reason = "nothing was found in it"
            return replace(found, status="without_regions", reason=reason)
        return self._written(task, found, data, original, regions)

    def _is_done(self, task: Task, before: Outcome, digest: str) -> bool:
        """Check whether an earlier run did everything for an image."""
        if before.digest != digest or before.corrected != digest_of_corrections(task.corrections):
            return False
        if before.status == "without_regions":
            return True
        path = self._job.to / before.output
        if before.status != "written" or not path.is_file():
            return False
        return hashlib.sha256(path.read_bytes()).hexdigest() == before.output_digest

    def _written(
        self,
        task: Task,
        found: Outcome,
        data: bytes,
        original: np.ndarray,
        regions: Sequence[Region],
    ) -> Outcome:
        job = self._job
        how = stored(data, original)
        if how.suffix in task.taken:
            return replace(found, reason=f"its copy would have another image's name ({how.suffix})")
        rows = as_rows(regions, job.variant.degree)
        own = add_coding_blocks(regions, data)
        *between, pixels = layers(original, own, job.variant, job.anonymization)
        try:
            coded = write(pixels, how)
        except (InputError, OSError, ValueError) as error:
            return replace(found, reason=f"cannot be written as {how.format} ({error})")
        name = found.name + how.suffix

        def audit(written: bytes) -> int:
            settings = job.anonymization
            return check_written(
                *(rows, original, pixels, written, how.profile, job.variant, settings, between),
                Source(data),
            )

        try:
            hidden = _write_audited(target(job.to, name), job.to, coded, audit)
        except Failure as failure:
            return replace(found, reason=f"its audit fails: {failure}", regions=rows)
        except OSError as error:
            if error.errno not in OF_NAMES:
                raise
            return replace(found, reason=f"cannot be written by its name ({error.strerror})")
        return replace(
            found,
            status="written",
            output=name,
            output_digest=hashlib.sha256(coded).hexdigest(),
            hidden_pixels=hidden,
            converted=how.converted,
            regions=rows,
        )


def died(to: Path, task: Task) -> Outcome:
    """Outcome of an image that ended its worker; removes its files from `to`."""
    for part in to.glob(".*"):
        if is_passing(part):
            part.unlink()
    done = Outcome(task.image.name, "failed", DIED)
    _remove_others(to, task, done)
    return done


def _remove_others(to: Path, task: Task, done: Outcome) -> None:
    """Remove copies of an image that are none now: they show less than there is to hide."""
    name = task.image.name
    left = {task.before.output} if task.before else set()
    if not done.output:
        left |= {name, *(name + suffix for suffix in SUFFIXES)}
    for output in left - task.taken_names - {"", done.output}:
        remove(to, output)


def _write_audited(path: Path, folder: Path, data: bytes, audit: Callable[[bytes], int]) -> int:
    """Write a file whole or not at all, once what stands on the disk has passed its audit."""
    part = folder / f".{os.getpid()}.part"  # not beside it: its name may be as long as can be
    try:
        part.write_bytes(data)
        hidden = audit(part.read_bytes())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return hidden
