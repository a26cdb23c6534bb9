"""`anonbench k-same`: pictures whose faces are means of at least k, to be judged as a program's."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anonbench.cli.inputs import add_detectors, add_images, positive, settings_of
from anonbench.cli.shared import DONE, DOUBTFUL
from anonbench.core.wording import count, tally
from anonbench.datasets.files.reasons import shown
from anonbench.datasets.inputs import require_place

if TYPE_CHECKING:
    from anonbench.anonymization.given.k_same import Averaged

_DEFAULT = "mtcnn"
_EPILOG = """\
Train and validation images belong into one run: give the data set's folder. With --persons the
largest face of an image is its person's, and other faces are masked. Without it k counts faces,
and nothing is promised of persons who are there several times. Everything else that the detectors
find is masked; what they miss is in sight. Pictures are PNG files, named so that the data set's
`given: {k_same: FOLDER}` finds them; FOLDER.k_same.json has k and the counts. The exit status is 3
where images have no picture; --json says which.

Examples:
  anonbench k-same photos averaged --k 10 --persons persons.csv
  anonbench k-same photos averaged --k 10 --detector mtcnn --detector ppocr --json

More: docs/how-to/judge.md."""


def add(commands: Any) -> None:
    """Add the command to the subparsers of `anonbench`."""
    parser = commands.add_parser(
        "k-same",
        help="write pictures in which each face is the mean of at least k",
        description="Finds faces, aligns them, and puts the mean of at least k similar ones in "
        "place of each (Newton, Sweeney and Malin 2005). Originals are never written to.",
        epilog=_EPILOG,
    )
    add_images(parser)
    parser.add_argument(
        "to", type=Path, metavar="FOLDER", help="a new folder, or that of an earlier run"
    )
    parser.add_argument(
        "--k",
        type=positive,
        required=True,
        metavar="N",
        help="how many persons (without --persons: faces) a mean has at least",
    )
    parser.add_argument(
        "--persons",
        type=Path,
        metavar="CSV",
        help="columns id or path of the images, and person; images without one get no picture",
    )
    add_detectors(parser, _DEFAULT)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the pictures, and print counts."""
    require_place(options.images)
    from anonbench.anonymization.given.k_same import k_same_pictures

    names, config, *_ = settings_of(options, (_DEFAULT,))
    done = k_same_pictures(
        options.images,
        options.to,
        options.k,
        names,
        persons=options.persons,
        detection=config.detection,
        anonymization=config.anonymization,
    )
    if options.json:
        left_out = [each._asdict() for each in done.left_out if not each.quiet]
        print(json.dumps(asdict(done) | {"left_out": left_out}, indent=2, ensure_ascii=False))
    else:
        print(as_text(done, options.to))
    return DOUBTFUL if any(not each.quiet for each in done.left_out) else DONE


def as_text(done: Averaged, to: Path) -> str:
    """Return what was written, what was not, and what each face is."""
    member = "person" if done.by_person else "different face"
    lines = [
        f"wrote {shown(str(to))}: {count(done.groups, 'group')} of {count(done.members, member)}, "
        f"{done.smallest:,} in the smallest"
    ]
    if done.masked:
        lines.append(f"{count(done.masked, 'other region')} masked")
    if why := Counter(each.reason for each in done.left_out if not each.quiet):
        lines.append(f"{count(why.total(), 'image')} without a picture ({tally(why)})")
    mean = f"{count(done.written, 'picture')}, each face the mean of at least {done.k:,}"
    if done.by_person:
        lines.append(f"{mean} persons'")
    else:
        lines.append(f"{mean} faces, which may be one person's (--persons counts persons)")
    return "\n".join(lines)
