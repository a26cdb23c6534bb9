"""`anonbench k-same`: pictures whose faces are means of at least k, to be judged."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anonbench.cli.inputs import add_detectors, add_images, positive, settings_of
from anonbench.cli.shared import DONE, DOUBTFUL
from anonbench.core.wording import count, tally
from anonbench.datasets.files.reasons import shown
from anonbench.datasets.inputs import require_place

if TYPE_CHECKING:
    from anonbench.anonymization.given.k_same import Averaged

_DETECTORS = ("centerface",)
_EPILOG = """\
Give all images at once, those of train and validation together. Everything else that the detectors
find is masked. A data set names FOLDER as its `given`. The exit status is 3 where images have no
picture. FOLDER.k_same.json says k and the groups' sizes, and names nobody.

Examples:
  anonbench k-same photos -o averaged --k 10 --persons persons.csv
  anonbench k-same photos -o averaged --k 10 --detector mtcnn --detector ppocr

More: docs/how-to/judge.md."""


def add(commands: Any) -> None:
    """Add the command to the subparsers of `anonbench`."""
    parser = commands.add_parser(
        "k-same",
        help="write pictures in which each face is the mean of at least k",
        description="Averages aligned faces in groups of the most similar ones (k-same) and draws "
        "each average in place of the group's faces. Originals are never written to.",
        epilog=_EPILOG,
    )
    add_images(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="a new folder, or that of an earlier run with the same images",
    )
    parser.add_argument(
        "--k", type=positive, required=True, metavar="K", help="persons of a group, at least"
    )
    parser.add_argument(
        "--persons",
        type=Path,
        metavar="FILE",
        help="a CSV with the columns id (or path) and person; without it k counts faces, of which "
        "several may be one person's",
    )
    add_detectors(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the pictures, and print counts."""
    require_place(options.images)
    from anonbench.anonymization.given.k_same import k_same_pictures

    names, config = settings_of(options, _DETECTORS)
    done = k_same_pictures(
        options.images,
        options.output,
        options.k,
        names,
        persons=options.persons,
        detection=config.detection,
        anonymization=config.anonymization,
    )
    print(_as_text(done, options.output, names))
    return DOUBTFUL if any(not each.quiet for each in done.left_out) else DONE


def _as_text(done: Averaged, to: Path, names: list[str]) -> str:
    of = "persons" if done.by_person else "different faces"
    lines = [
        f"wrote {shown(str(to))}: {count(done.written, 'picture')}, {count(done.faces, 'face')} in "
        f"{count(done.groups, 'group')} of at least {done.smallest} {of} "
        f"(searched by {', '.join(names)})"
    ]
    if done.masked:
        lines.append(f"{count(done.masked, 'other region')} masked")
    if not done.by_person:
        lines.append(
            "nothing is known of persons: one who is there several times may be averaged "
            "with themselves; name them by --persons"
        )
    if reasons := Counter(each.reason for each in done.left_out if not each.quiet):
        lines.append(f"{reasons.total():,} images have no picture ({tally(reasons)})")
    return "\n".join(lines)
