"""Anonymized copies of all images of a folder, tar, table or list."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from anonbench.anonymization.files import file_job
from anonbench.anonymization.files.corrections import (
    Corrections,
    corrections_of,
    digest_of_corrections,
    looked_at,
)
from anonbench.anonymization.files.file_job import Anonymizer, Job, Task, died
from anonbench.anonymization.files.pages import pages_of, remove_pages
from anonbench.anonymization.files.places import (
    clashes,
    count_foreign_files,
    remove,
    require_apart,
    taken_suffixes,
)
from anonbench.anonymization.files.record import (
    Outcome,
    Record,
    audit_file,
    remove_passing,
    started,
)
from anonbench.anonymization.files.sheet import write_sheet
from anonbench.anonymization.files.stored import SUFFIXES
from anonbench.config import Anonymization, Detection
from anonbench.config.detectors import LOOKED_FOR, default_detection
from anonbench.config.stage_parameters import hiding
from anonbench.core.errors import InputError, listed
from anonbench.core.io import locked, writing_to
from anonbench.core.jobs.fingerprint import module_digest
from anonbench.core.libraries.opencv import cv2
from anonbench.core.progress import track
from anonbench.core.provenance import versions
from anonbench.core.settings import section
from anonbench.core.vocabulary import Variant
from anonbench.core.wording import suggestion
from anonbench.core.workers import map_in_processes, processes
from anonbench.datasets.formats.pixels import conversion_counts
from anonbench.datasets.inputs import GIVE_IMAGES, STANDARD_INPUT, Images, open_images
from anonbench.datasets.walk import is_image_name, no_images, shown
from anonbench.detection import cache
from anonbench.detection.search import searching

SUSPICIOUS = 100  # images, the first ones, that all fail before a run is given up


@dataclass(frozen=True)
class Anonymized:
    """What became of the images of one run."""

    images: int  # that were given
    written: int  # of them, those that have a copy, made now or by an earlier run
    made: int  # of the written ones, those that this run made
    regions: int  # hidden in them
    published_without_regions: int
    """Of the written ones, those in which nothing was found; only where that was asked for."""
    without_regions: int  # not written: nothing was found in them
    unreadable: int  # not written: they cannot be read
    failed: int
    """Not written: a detector, the encoder or the audit failed, or a correction is outside."""
    left_out: int  # files of a kind that is not read, or of a name that cannot be used
    no_images: dict[str, int]
    """Files that are no images by their names, by suffix; not counted as left out."""
    shown_regions: int  # that a degree below 100 leaves in sight
    doubtful: int  # of the written ones, those that a person should look at: see `reasons`
    nearly_all_hidden: int  # of the written ones, those of which over nine tenths are hidden
    corrected: int  # Images to which corrections of a person (`<to>.corrections.csv`) were applied.
    not_given: int  # copies by earlier runs of images that are gone, or were not given this time
    unknown: int  # files below the output folder that no run of this command has written
    converted: dict[str, int]  # Of the written ones, how many were changed by reading, and how.
    codings: dict[str, int]
    """Of the written ones with regions, how many have a coding in which visible pixels depend on
    hidden ones (`anonbench.datasets.coding_blocks.shared_coding`)."""
    reasons: dict[str, dict[str, int]]
    """Why images are `unreadable`, `failed`, `left_out` or `doubtful`, and how many; one image may
    be doubtful for several reasons."""
    audit: Path  # record of every image (JSON; CSV beside it)
    copies_not_given: Sequence[str]  # paths of the copies `not_given`, in the output folder
    sheet: Path | None  # contact sheet, if asked for, now or in an earlier run

    @property
    def is_doubtful(self) -> bool:
        """Whether images are missing from the output, or may show what should be hidden."""
        missing = self.without_regions + self.unreadable + self.failed + self.left_out
        published = self.published_without_regions + self.shown_regions + self.doubtful
        return bool(missing + published + self.unknown)


def anonymize_files(
    images: str | Path | Iterable[str | Path],
    to: str | Path,
    *,
    method: str = "mask",
    degree: int = 100,
    detectors: Iterable[str] = LOOKED_FOR,
    keep_without_regions: bool = False,
    workers: int | None = None,
    detection: Detection | None = None,
    anonymization: Anonymization | None = None,
    dry_run: bool = False,
    contact_sheet: bool = False,
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
        method: `mask`, the only one of those tried in docs/explanation/privacy.md that kept faces
            and text from its attacks, `pixelate`, `blur`, or another of those in
            docs/reference/methods.md.
        degree: percent of each image's regions that is hidden.
        detectors: whose regions are hidden together.
        keep_without_regions: also write images in which nothing was found. They may show what a
            detector missed.
        workers: processes; all cores where it is None.
        detection: settings of the detectors; chosen to miss little where None.
        anonymization: strengths of the methods.
        dry_run: only check and count; nothing is written.
        contact_sheet: also write `<to>.sheet.html`: small pictures of the copies with the outlines
            of what is hidden, doubtful ones first. It shows file names. Where one is there, it is
            written again.

    Raises:
        InputError: the output folder holds originals, or outputs of other settings; a detector
            cannot be loaded, or fails on all of the first images.
    """
    workers = processes(workers)
    anonymization = section("anonymization", anonymization, Anonymization())
    if not isinstance(keep_without_regions, bool):  # a text would count as yes
        raise InputError(
            f"keep_without_regions: {keep_without_regions!r} is neither True nor False"
        )
    if method not in anonymization.names:
        known = anonymization.names
        raise InputError(
            f"no method is called {method!r}; there are {', '.join(known)}"
            f"{suggestion(method, known)}"
        )
    if type(degree) is not int or not 1 <= degree <= 100:
        raise InputError(f"degree {degree}: percent of the regions, from 1 to 100")
    job = Job(
        Path(to),
        searching(detectors),
        Variant(method, degree),
        section("detection", detection, default_detection()),
        anonymization,
        keep_without_regions,
    )
    if not isinstance(images, str | Path):
        images = listed("images", images, GIVE_IMAGES)
    given = open_images(images, documents=True)
    if job.to.is_file() or (is_image_name(job.to.name) and not job.to.is_dir()):
        raise InputError(
            f"{job.to} is a file, or named like one: give a folder, new or of earlier output, in "
            "which copies have their names"
        )
    require_apart(given, job.to)
    record = Record(job.to, made_by(job, images, given))
    if dry_run:
        before = record.read()
        corrections_of(job.to, given, before)
        return _counted(job.to, given, before, looked_at(job.to, before.values()))
    with writing_to(job.to.parent):
        job.to.mkdir(parents=True, exist_ok=True)
        with locked(job.to):
            names = {image.name for image in given}
            before = {
                name: each
                for name, each in record.read().items()
                # else a given image has the copy's name by now
                if name in names or each.output == name or each.output not in names
            }
            corrections = corrections_of(job.to, given, before)
            done = dict(before)
            contact_sheet = contact_sheet or record.sheet.is_file()
            record.sheet.unlink(missing_ok=True)  # a run that is ended leaves none of older copies
            remove_passing(job.to)
            outputs = {each.output for each in before.values()}
            if not record.unfinished:
                remove_pages(job.to)
            for name in record.unfinished:  # a copy of it may be there without a line about it
                for output in {name, *(name + suffix for suffix in SUFFIXES)} - outputs:
                    remove(job.to, output)
            with record.appending() as append:
                apart = bool(record.unfinished)  # one of them may have ended the earlier run
                for each in _outcomes(job, given, before, corrections, workers, apart, append):
                    done[each.name] = each
                    append(each.line())
            left_out = [Outcome(name, "left_out", why) for name, why in given.left_out]
            record.finish([*done.values(), *left_out])
            remove_pages(job.to)
            looked = looked_at(job.to, done.values())
            if contact_sheet:
                write_sheet(record.sheet, job.to, [done[image.name] for image in given], looked)
            unknown = count_foreign_files(job.to, {each.output for each in done.values()})
    sheet = record.sheet if contact_sheet else None
    return _counted(job.to, given, done, looked, unknown, sheet)


def _outcomes(
    job: Job,
    given: Images,
    before: Mapping[str, Outcome],
    corrections: Corrections,
    workers: int,
    apart: bool,
    append: Callable[[str], None],
) -> Iterator[Outcome]:
    names = [image.name for image in given]
    clashing = clashes(job.to, names)
    others = _not_given(job.to, before, set(names))
    taken = taken_suffixes(names, others, SUFFIXES)
    refused = (
        "its name collides with another image's in the output folder (case or accents); rename it"
    )
    corrected, seen = corrections
    rows = {name: corrected.get(name, {}) for name in names}
    kept = {
        name
        for name in before.keys() & set(names)
        if before[name].status in ("written", "without_regions")
        and before[name].corrected == digest_of_corrections(rows[name])
    }

    limit = job.detection.max_pixels
    new = [image for image in given if image.name not in kept]
    documents = [image for image in new if image.name not in clashing]
    pages = {image.name: count for image in documents if (count := pages_of(image, limit)) > 1}

    def tasks() -> Iterator[Task]:
        for image in given:
            name = image.name
            append(started(name))  # before a worker has it: from then on its copy may be there
            why = refused if name in clashing else ""
            task = Task(image, before.get(name), why, taken[name], rows[name], seen.get(name, {}))
            yield from (replace(task, page=page) for page in range(1, pages.get(name, 0) + 1))
            yield task

    def work(outcome: Outcome | None) -> int:
        if outcome is None:  # a page
            return 1
        is_new = outcome.made or outcome.name not in kept or outcome != before[outcome.name]
        return int(is_new and outcome.name not in pages)

    total = len(new) + sum(pages.values()) - len(pages)
    make, workers = partial(Anonymizer, job), min(workers, max(total, len(given)))
    results = map_in_processes(make, tasks(), workers, partial(died, job.to), apart=apart)
    failed = 0
    what = "images and pages anonymized" if pages else "images anonymized"
    outcomes = (each for each in track(results, total, what, work) if each is not None)
    for number, outcome in enumerate(outcomes, 1):
        failed += outcome.status == "failed"
        if failed == number == SUSPICIOUS:
            raise InputError(f"all of the first {failed} images failed, the last: {outcome.reason}")
        yield outcome


def _counted(
    to: Path,
    given: Images,
    done: Mapping[str, Outcome],
    looked: Collection[str],
    unknown: int = 0,
    sheet: Path | None = None,
) -> Anonymized:
    names = {image.name for image in given}
    now = [done[name] for name in sorted(names & done.keys())]
    left = _not_given(to, done, names)
    reasons: dict[str, Counter[str]] = {k: Counter() for k in ("unreadable", "failed", "doubtful")}
    reasons["left_out"] = Counter(each.reason for each in given.left_out if not each.quiet)
    counts = Counter(images=len(given), not_given=len(left), unknown=unknown)
    counts["left_out"] = reasons["left_out"].total()
    codings: Counter[str] = Counter()
    for each in now:
        counts[each.status] += 1
        counts["corrected"] += bool(each.corrected) and each.status != "failed"
        if each.status in reasons:
            reasons[each.status][each.reason] += 1
        if each.status != "written":
            continue
        hidden = sum(region["hidden"] for region in each.regions)
        counts["regions"] += hidden
        counts["shown_regions"] += len(each.regions) - hidden
        counts["published_without_regions"] += not each.regions
        counts["made"] += each.made
        counts["nearly_all_hidden"] += each.hidden_pixels > 0.9 * each.pixels
        codings.update(each.codings)
        if each.doubts and each.name not in looked:
            counts["doubtful"] += 1
            reasons["doubtful"].update(each.doubts)
    numbers: dict[str, Any] = {
        field.name: counts[field.name] for field in fields(Anonymized) if field.type is int
    }
    return Anonymized(
        **numbers,
        no_images=no_images(given.left_out),
        copies_not_given=left,
        converted=conversion_counts(each.converted for each in now),
        codings=dict(sorted(codings.items())),
        reasons={status: dict(sorted(why.items())) for status, why in reasons.items() if why},
        audit=audit_file(to),
        sheet=sheet,
    )


def _not_given(to: Path, done: Mapping[str, Outcome], names: set[str]) -> list[str]:
    """Copies that are there, of images that are gone or were not given this time."""
    given = {done[name].output for name in done.keys() & names}  # one may have taken such a name
    others = {each.output for name, each in done.items() if name not in names}
    return [output for output in sorted(others - given) if (to / output).is_file()]


def made_by(job: Job, given: str | Path | Iterable[str | Path], images: Images) -> dict[str, Any]:
    """Return all that outputs depend on but the images, and where those are."""
    method = str(job.variant.method)
    return {
        "images_of": shown(_place(given, images)),
        "method": method,
        "degree": job.variant.degree,
        "anonymization": hiding(job.anonymization, method),
        "detectors": {name: cache.made_by(name, job.detection) for name in job.detectors},
        "max_pixels": job.detection.max_pixels,
        "keep_without_regions": job.keep_without_regions,
        "code": module_digest([file_job.__name__]),
        "versions": versions("numpy", "pillow") | {"opencv": cv2.__version__},
    }


def _place(given: str | Path | Iterable[str | Path], images: Images) -> str:
    """Place of the images; for a list with relative paths, with the folder they start from."""
    if isinstance(given, str | Path) and str(given) != STANDARD_INPUT:
        return os.path.realpath(given)
    if all(image.file.is_absolute() for image in images):
        return images.place
    return f"{images.place}, in {Path.cwd()}"
