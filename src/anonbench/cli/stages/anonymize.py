"""`anonbench anonymize`: anonymized copies of images, under their own names."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anonbench.cli.inputs import IMAGES, WORKERS, detectors, no_images_line, settings_of
from anonbench.cli.shared import DONE, DOUBTFUL, add_command
from anonbench.core.errors import InputError
from anonbench.core.wording import count, tally
from anonbench.datasets.inputs import require_place
from anonbench.datasets.walk import shown

if TYPE_CHECKING:
    from anonbench.anonymization.files.run import Anonymized

_NAMED = 4  # copies without an original that are named

_MANUAL = f"""\
anonymize: write copies of images with their sensitive regions hidden
Finds faces, text, barcodes, machine-readable zones and ink, hides them, and writes audited copies.
Originals are never changed. Images in which nothing was found get no copy.

IMAGES  {IMAGES}
-o, --output FOLDER  a new folder, or that of an earlier run of the same command
--method NAME  mask (the default) and inpaint leave nothing of a region; pixelate, blur and most
  others in docs/reference/methods.md leave traces
--degree PERCENT  how many of each image's regions are hidden (100); the others stay visible
{detectors()}
{WORKERS}
--keep-without-regions  also publish images in which nothing was found; they may show what was
  missed
--contact-sheet  also write FOLDER.sheet.html: small pictures of the copies, doubtful ones first;
  later runs write it again
--dry-run  check and count, without looking into any image
--json  print JSON

A PDF becomes a PDF of images, without text, and so does a TIFF file of several pages, under its
name and .pdf. Animations are left out: save their frames as images.
Copies keep names, folders, format and colour profile; they are upright, without other metadata. The
exit status is 3 if images are missing from the output or may show what should be hidden;
FOLDER.audit.json and FOLDER.audit.csv say which. The same command continues a stopped run.
Regions of your own are rows of FOLDER.corrections.csv: docs/how-to/review.md.

Examples:
  anonbench anonymize photos -o anonymized
  anonbench anonymize photos -o blurred --method blur --hide face
  anonbench anonymize photos -o anonymized --dry-run
  find archive -name '*.jpg' -newer last_run | anonbench anonymize - -o anonymized
  anonbench anonymize archive.tar -o anonymized --json

More: docs/how-to/anonymize.md."""


def add(commands: Any) -> None:
    """Add the command to the subparsers of `anonbench`."""
    parser = add_command(commands, _MANUAL, run, output=..., method="mask", degree=100)
    parser.add_argument("--boxes", type=Path, help=argparse.SUPPRESS)  # to say what else there is


def run(options: argparse.Namespace) -> int:
    """Write the copies, and print counts."""
    require_place(options.images)
    if options.boxes:
        raise InputError(
            "anonymize has no --boxes: it adds and removes the regions of the rows in "
            f"{shown(str(options.output))}.corrections.csv (id,action,entity,x0,y0,x1,y1, where id "
            "is the name of an image's file), as `anonbench review` writes them"
        )
    from anonbench.anonymization.files.run import anonymize_files
    from anonbench.anonymization.strength import sentence, weak_strengths
    from anonbench.core.registries.methods import WEAK
    from anonbench.detection.search import kinds_of

    names, config, _, line = settings_of(options)
    if not options.json:
        print(line, flush=True)
    try:
        done = anonymize_files(
            options.images,
            options.output,
            method=options.method,
            degree=options.degree,
            detectors=names,
            keep_without_regions=options.keep_without_regions,
            workers=options.workers,
            detection=config.detection,
            anonymization=config.anonymization,
            dry_run=options.dry_run,
            contact_sheet=options.contact_sheet,
        )
    except KeyboardInterrupt:
        if not options.dry_run:
            print("what is done is kept: the same command goes on", file=sys.stderr)
        raise
    if options.json:
        paths = {"audit": done.audit, "sheet": done.sheet}
        texts = {name: path and shown(str(path)) for name, path in paths.items()}
        print(json.dumps(asdict(done) | texts | {"detectors": names}, indent=2, ensure_ascii=False))
    else:
        to = options.output
        print(_as_plan(done, to) if options.dry_run else _as_text(done, to, names))
        sought = kinds_of(names)
        left_of = partial(config.anonymization.information_left, options.method)
        if weak := " and ".join(entity for entity in sought if left_of(entity) in WEAK):
            print(f"{options.method}: weak by design, {weak} may be recognized by eye")
        if left := weak_strengths(options.method, sought, config.anonymization):
            print(sentence(options.method, left))
    return DOUBTFUL if done.is_doubtful and not options.dry_run else DONE


def _as_plan(done: Anonymized, to: Path) -> str:
    lines = [f"{count(done.images, 'image')} would be searched and written below {shown(str(to))}"]
    if done.written:
        lines.append(f"{done.written:,} of them are there already; unchanged ones are kept")
    if done.left_out:
        lines.append(f"{done.left_out:,} left out ({tally(done.reasons['left_out'])})")
    if done.no_images:
        lines.append(f"{no_images_line(done.no_images)}, not copied")
    return "\n".join([*lines, "nothing was written"])


def _as_text(done: Anonymized, to: Path, detectors: list[str]) -> str:
    from anonbench.detection.search import more_detectors

    def why(status: str) -> str:
        return f" ({tally(done.reasons[status])})" if status in done.reasons else ""

    there = f"{count(done.written, 'image')} of {done.images:,}"
    if done.written > done.made:
        there += f" ({done.made:,} made now, {done.written - done.made:,} unchanged)"
    lines = [f"wrote {shown(str(to))}: {there}, {count(done.regions, 'region')} hidden"]
    if done.converted:
        lines.append(f"converted while they were read ({tally(done.converted)})")
    failed = "not published: detector, encoder, audit or correction failed"
    for number, text in (
        (done.published_without_regions, "published although nothing was found in them"),
        (done.shown_regions, "regions are visible, because of the degree"),
        (done.doubtful, f"doubtful, look at them{why('doubtful')}"),
        (done.nearly_all_hidden, "nearly all hidden (over nine tenths); see if they are of use"),
        (done.corrected, f"with corrections of {shown(str(to))}.corrections.csv"),
        (done.without_regions, f"not published: nothing was found; {more_detectors(detectors)}"),
        (done.unreadable, f"not published: they cannot be read{why('unreadable')}"),
        (done.failed, f"{failed}{why('failed')}"),
        (done.left_out, f"left out{why('left_out')}"),
    ):
        if number:
            lines.append(f"{number:,} {text}")
    if done.no_images:
        lines.append(f"{no_images_line(done.no_images)}, not copied")
    if left := done.copies_not_given:
        more = f" and {len(left) - _NAMED:,} more" if len(left) > _NAMED else ""
        lines.append(
            f"also in {shown(str(to))}: {count(len(left), 'copy')} whose original is gone or was "
            f"not given ({', '.join(map(shown, left[:_NAMED]))}{more}); delete what is not to be "
            "passed on"
        )
    if done.unknown:
        lines.append(
            f"also in {shown(str(to))}: {count(done.unknown, 'file')} not known to be from this "
            "command: look"
        )
    if done.codings:
        lines.append(
            f"in {count(sum(done.codings.values()), 'image')} visible pixels depend on hidden ones "
            f"({tally(done.codings)}): who knows the rest may tell what is hidden "
            "(docs/explanation/limits.md)"
        )
    beside = to.parent / done.audit.name  # as the user gave it, unless a link leads elsewhere
    audit = beside if beside.exists() else done.audit
    lines.append(
        f"which and why: {shown(str(audit))} (and .csv); it names originals, do not pass it on"
    )
    if done.sheet:
        sheet = shown(str(audit.with_name(done.sheet.name)))
        lines.append(f"to look at: {sheet}; it shows the copies' names, do not pass it on")
    if done.written:
        lines.append(
            "file names are kept; only what was found is hidden: look before you pass images on: "
            f"anonbench review {shlex.quote(shown(str(to)))}"
        )
    return "\n".join(lines)
