"""Anonymized copies of all images of a folder, tar, table or list."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from anonbench.anonymization.files.one import Anonymizer, Job, Task
from anonbench.anonymization.files.outcome import Outcome
from anonbench.anonymization.files.places import clashes, require_apart
from anonbench.anonymization.files.record import Record
from anonbench.anonymization.methods import method_named
from anonbench.config import Anonymization, Detection
from anonbench.core.errors import InputError
from anonbench.core.io import writing_to
from anonbench.core.libraries.opencv import cv2
from anonbench.core.progress import track
from anonbench.core.provenance import versions
from anonbench.core.vocabulary import Variant
from anonbench.core.workers import available, in_processes
from anonbench.datasets.inputs import Images, open_images

DETECTORS = ("centerface",)
SUSPICIOUS = 100
"""Images, the first ones, that all fail before a run is given up."""


@dataclass(frozen=True)
class Anonymized:
    """What became of the images of one run."""

    images: int
    """That were given."""
    written: int
    """Files below the output folder, those of earlier runs included."""
    regions: int
    """Hidden in them."""
    published_without_regions: int
    """Of the written ones, those in which nothing was found; only where that was asked for."""
    without_regions: int
    """Not written: nothing was found in them."""
    unreadable: int
    """Not written: they cannot be read."""
    failed: int
    """Not written: a detector, the encoder or the audit failed."""
    left_out: int
    """Files that look like images, and are of a kind that is not read or of a name that cannot be
    used."""
    shown_regions: int
    """That a degree below 100 leaves in sight."""
    audit: Path
    """Record of every image (JSON; CSV beside it)."""

    @property
    def in_doubt(self) -> bool:
        """Whether images are missing from the output, or may show what should be hidden."""
        missing = self.without_regions + self.unreadable + self.failed + self.left_out
        return bool(missing + self.published_without_regions + self.shown_regions)


def anonymize_files(
    images: str | Path | Iterable[str | Path],
    to: str | Path,
    *,
    method: str = "pixelate",
    degree: int = 100,
    detectors: Sequence[str] = DETECTORS,
    keep_without_regions: bool = False,
    workers: int | None = None,
    detection: Detection | None = None,
    anonymization: Anonymization | None = None,
    dry_run: bool = False,
) -> Anonymized:
    """Write anonymized copies of images, with their names, folders, formats and colour profiles.

    Every file is audited as it stands on the disk before it gets its name. Metadata other than the
    colour profile is left out. A run that was ended goes on where it was; what is done and
    unchanged is not done again. The same images and settings give the same bytes, whatever the
    number of workers.

    >>> import anonbench
    >>> done = anonbench.anonymize_files("photos", "masked", method="mask", detectors=["zxing"])
    >>> done.written, done.without_regions, done.failed
    (2, 1, 0)

    Args:
        images: see `anonbench.datasets.inputs.open_images`.
        to: the output folder, new or of an earlier run with the same settings. Its record is
            beside it: `<to>.audit.json` and `<to>.audit.csv`.
        method: `pixelate`, `blur`, `mask` or another package's.
        degree: percent of each image's regions that is hidden.
        detectors: whose regions are hidden together.
        keep_without_regions: also write images in which nothing was found. They may show what a
            detector missed.
        workers: processes; all cores where it is None.
        detection: settings of the detectors.
        anonymization: strengths of the methods.
        dry_run: only check and count; nothing is written.

    Raises:
        InputError: the output folder holds originals, or outputs of other settings; a detector
            cannot be loaded, or fails on all of the first images.

    """
    job = Job(
        Path(to),
        tuple(dict.fromkeys(detectors)),
        _variant(method, degree),
        detection or Detection(),
        anonymization or Anonymization(),
        keep_without_regions,
    )
    given = open_images(images)
    require_apart(given, job.to)
    record = Record(job.to, _made_by(job, given))
    before = record.read()
    done = before | {name: Outcome(name, "left_out", why) for name, why in given.left_out}
    if not dry_run:
        with writing_to(job.to.parent):
            job.to.mkdir(parents=True, exist_ok=True)
            for part in job.to.glob(".*.part"):  # of a run that was killed
                part.unlink()
            with record.appending() as journal:
                for outcome in _outcomes(job, given, before, workers or available()):
                    done[outcome.name] = outcome
                    journal.write(f"{outcome.line()}\n")
                    journal.flush()
            record.finish(done.values())
    loud = sum(not each.quiet for each in given.left_out)
    return _counted(given, done.values(), loud, record.json)


def _outcomes(
    job: Job, given: Images, before: Mapping[str, Outcome], workers: int
) -> Iterator[Outcome]:
    clashing = clashes(job.to, [image.name for image in given])
    refused = "the output folder takes its name for another image's (upper and lower case, accents)"
    tasks = (
        Task(image, before.get(image.name), refused if image.name in clashing else "")
        for image in given
    )
    results = in_processes(partial(Anonymizer, job), tasks, min(workers, len(given)))
    failed = 0
    for number, outcome in enumerate(track(results, len(given), "images anonymized"), 1):
        failed += outcome.status == "failed"
        if failed == number == SUSPICIOUS:
            raise InputError(f"all of the first {failed} images failed, the last: {outcome.reason}")
        yield outcome


def _variant(method: str, degree: int) -> Variant:
    try:
        method_named(method)
    except KeyError:
        from anonbench.core.registries.methods import METHODS

        names = ", ".join(METHODS)
        raise InputError(f"no method is called {method!r}; there are {names}") from None
    if not 1 <= degree <= 100:
        raise InputError(f"degree {degree}: percent of the regions, from 1 to 100")
    return Variant(method, degree)


def _made_by(job: Job, given: Images) -> dict[str, Any]:
    """Return all that outputs depend on but the images, and where those are."""
    method = str(job.variant.method)
    strengths = job.anonymization.model_dump(mode="json", include={method, "margin"})
    return {
        "images_of": os.path.realpath(given.place) if given.folder else given.place,
        "method": method,
        "degree": job.variant.degree,
        "anonymization": strengths,
        "detectors": list(job.detectors),
        "detection": job.detection.part(job.detectors),
        "max_pixels": job.detection.max_pixels,
        "keep_without_regions": job.keep_without_regions,
        "versions": versions("numpy", "pillow") | {"opencv": cv2.__version__},
    }


def _counted(given: Images, done: Iterable[Outcome], loud: int, audit: Path) -> Anonymized:
    counts: Counter[str] = Counter()
    for each in done:
        counts[each.status] += 1
        hidden = sum(region["hidden"] for region in each.regions)
        if each.status == "written":
            counts["hidden"] += hidden
            counts["shown"] += len(each.regions) - hidden
            counts["bare"] += not each.regions
    return Anonymized(
        images=len(given),
        written=counts["written"],
        regions=counts["hidden"],
        published_without_regions=counts["bare"],
        without_regions=counts["without_regions"],
        unreadable=counts["unreadable"],
        failed=counts["failed"],
        left_out=loud,
        shown_regions=counts["shown"],
        audit=audit,
    )
