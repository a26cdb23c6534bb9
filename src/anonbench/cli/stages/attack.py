"""`anonbench attack`: information left in anonymized images, compared with their originals."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anonbench.cli.inputs import BOXES, IMAGES, detectors, settings_of
from anonbench.cli.shared import DONE, DOUBTFUL, add_command, aligned, require_suffix
from anonbench.datasets.inputs import require_place

if TYPE_CHECKING:
    from anonbench.evaluation.privacy.attacks.files import Attacked

_DEFAULT = (
    *("readability", "mrz_reading", "barcodes"),
    *("reconstruction", "likeness", "dictionary", "block_noise", "residual"),
)

_MANUAL = f"""\
attack: attack anonymized images: read, decode, restore, re-identify
Attacks anonymized images from any program and compares with their originals: what can be read,
decoded, restored or found, with intervals, and the same for masked images and for random guesses.

ORIGINALS  {IMAGES}
ANONYMIZED  the same images, anonymized
--method NAME  method that hid the regions, with the settings of --configfile: blur and pixelate
  are undone, candidates are hidden in the same way
--attack NAME...  one of the attacks below; may be repeated
{detectors()}
{BOXES}
output:
--json  print JSON instead of a table
-o, --output FILE  also write a CSV

The two images of a pair have the same path, except for the suffix. Only --output is written, and
nothing that was read in an image is shown.
Without --method, blur and mosaic are not undone, and nothing is compared with candidates. Attacks:
{", ".join(_DEFAULT)} (the default). Others need vectors and run only in the workflow.
Exit status 3: done, but some files could not be read, have no partner, or show another picture.
What the numbers mean: docs/reference/attacks.md.

Examples:
  anonbench attack photos anonymized --method pixelate
  anonbench attack scans hidden --attack readability --detector ppocr --json
  anonbench attack scans hidden --boxes boxes.csv -o attacks.csv"""


def add(commands: Any) -> None:
    """Add the command to the subparsers of `anonbench`."""
    add_command(commands, _MANUAL, run)


def run(options: argparse.Namespace) -> int:
    """Run the attacks, then write and print the rates."""
    for place in (options.originals, options.anonymized):
        require_place(place)
    from anonbench.core.errors import InputError
    from anonbench.core.io import require_another, write_csv
    from anonbench.core.registries.attacks import PRIVACY_ATTACKS, RegionAttack
    from anonbench.evaluation.privacy.attacks.files import attack_files

    attacks = options.attack or list(_DEFAULT)
    for name in attacks:
        if name not in PRIVACY_ATTACKS:
            pixels = (n for n, a in PRIVACY_ATTACKS.items() if issubclass(a, RegionAttack))
            known = ", ".join(pixels)
            raise InputError(f"--attack {name}: there is no such attack; there are {known}")
    output: Path | None = options.output
    require_suffix(output, ".csv")  # so that it is not an image, whatever the folders contain
    if output is not None:
        given = (options.originals, options.anonymized, *([options.boxes] if options.boxes else []))
        require_another(output, *map(Path, given))
    names, config, *_ = settings_of(options)
    if options.method is not None and options.method not in config.anonymization.names:
        known = ", ".join(config.anonymization.names)
        raise InputError(f"--method {options.method}: there is no such method; there are {known}")
    found = attack_files(
        options.originals,
        options.anonymized,
        options.method,
        attacks,
        names,
        options.boxes,
        config.detection,
        config.anonymization,
    )
    if output is not None:
        write_csv(found.table, output)
    print(_as_json(found) if options.json else as_text(found))
    nothing_ran = bool(found.table["rate"].isna().all())
    return DOUBTFUL if found.left_out or nothing_ran else DONE


def _as_json(found: Attacked) -> str:
    rows = json.loads(found.table.to_json(orient="records"))
    names = ("copies", "left_out", "other_pictures")
    counts = {"images": found.pairs} | {name: getattr(found, name) for name in names}
    return json.dumps(counts | {"attacks": rows}, indent=2)


def as_text(found: Attacked) -> str:
    """Format the rates as an aligned table, followed by counts and skipped attacks."""
    from anonbench.reporting.privacy_tables import attacks_grid

    grid = attacks_grid("files", found.table, 0.95)
    rows = [row for block in grid.blocks for row in ((block.label, *[""] * 6), *block.rows)]
    text = aligned([grid.heads, *([*map(str, row)] for row in rows)], grid.left)
    counts = f"{found.pairs:,} images with their originals"
    if found.copies:
        counts += f", {found.copies:,} of them copies of others"
    counts += f"; {found.left_out:,} files left out"
    if found.other_pictures:
        counts += f", {found.other_pictures:,} of them showing another picture than their original"
    return "\n\n".join([*([text] if rows else []), counts, "\n".join(grid.notes)])
