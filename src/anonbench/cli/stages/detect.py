"""`anonbench detect`: sensitive regions of images, as a table."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anonbench.cli.inputs import IMAGES, WORKERS, detectors, no_images_line, settings_of
from anonbench.cli.shared import DONE, DOUBTFUL, add_command, require_suffix, tell
from anonbench.core.io import require_another
from anonbench.core.wording import count, tally
from anonbench.datasets.inputs import require_place
from anonbench.datasets.walk import no_images

if TYPE_CHECKING:
    from anonbench.detection.files import Detected

_SUFFIXES = (".parquet", ".csv", ".json")

_MANUAL = f"""\
detect: list the faces, text, codes and signatures in images
Searches images for sensitive regions and counts them. Nothing is changed.

IMAGES  {IMAGES}
-o, --output FILE  write the regions: .parquet or .csv (a row per region), or .json (one per image)
{detectors()}
{WORKERS}
--json  print JSON

Each page of a PDF or TIFF file is an image. Images are decoded upright, as RGB or grey of 8 bits.
The output counts the images that this changes, and the files that were not read.
The exit status is 3 if images could not be read or searched, or are doubtful; -o FILE.json names
them.

Examples:
  anonbench detect photos
  anonbench detect photos -o boxes.csv --detector centerface --detector zxing
  find scans -name '*.tif' | anonbench detect - -o boxes.json --detector ppocr
  anonbench detect photos.tar -o boxes.parquet    # a box table, as the config's `boxes` takes it

More: docs/how-to/anonymize.md."""


def add(commands: Any) -> None:
    """Add the command to the subparsers of `anonbench`."""
    add_command(commands, _MANUAL, run)


def run(options: argparse.Namespace) -> int:
    """Search the images, write the regions found, and print counts."""
    require_place(options.images)
    output: Path | None = options.output
    require_suffix(output, *_SUFFIXES)
    if output is not None:
        require_another(output, Path(options.images))
    from anonbench.detection.files import detect

    names, config, _, line = settings_of(options)
    if not options.json:
        print(line, flush=True)
    found = detect(options.images, names, workers=options.workers, detection=config.detection)
    if output is not None:
        _write(found, output)
    counts = _counts(found)
    tell(options, counts | {"detectors": names}, _as_text(counts, output))
    return DOUBTFUL if found.is_doubtful else DONE


def _counts(found: Detected) -> dict[str, Any]:
    from anonbench.datasets.formats.pixels import conversion_counts

    images, left_out = found.images, [each for each in found.left_out if not each.quiet]
    statuses = images["status"].value_counts()
    entities = found.boxes["entity"].value_counts().sort_index()
    reasons = {
        **{
            status: images["reason"][images["status"] == status].tolist()
            for status in ("unreadable", "failed")
        },
        "doubtful": [doubt for text in images["doubts"] if text for doubt in text.split("; ")],
        "left_out": [each.reason for each in left_out],
    }
    return {
        "images": len(images),
        "with_regions": int(statuses.get("ok", 0)),
        "without_regions": int(statuses.get("empty", 0)),
        "unreadable": int(statuses.get("unreadable", 0)),
        "failed": int(statuses.get("failed", 0)),
        "left_out": len(left_out),
        "no_images": no_images(found.left_out),
        "doubtful": int((images["doubts"] != "").sum()),
        "converted": conversion_counts(images["converted"]),
        "reasons": {
            why: dict(sorted(Counter(each).items())) for why, each in reasons.items() if each
        },
        "regions": {str(name): int(number) for name, number in entities.items()},
    }


def _as_text(counts: dict[str, Any], output: Path | None) -> str:
    regions = ", ".join(f"{number:,} {name}" for name, number in counts["regions"].items())
    bare = counts["without_regions"]
    lines = [
        f"{count(counts['images'], 'image')}: {counts['with_regions']:,} with regions "
        f"({regions or 'none'}), {bare:,} without"
    ]
    if counts["converted"]:
        lines.append(f"converted while they were read ({tally(counts['converted'])})")
    for key, text in (
        ("unreadable", "cannot be read"),
        ("failed", "could not be searched"),
        ("left_out", "left out"),
        ("doubtful", "doubtful, look at them"),
    ):
        if counts[key]:
            lines.append(f"{counts[key]:,} {text} ({tally(counts['reasons'][key])})")
    if counts["no_images"]:
        lines.append(no_images_line(counts["no_images"]))
    lines.append(f"wrote {output}" if output else "to see which: -o boxes.csv, or boxes.json")
    if counts["reasons"] and output and output.suffix != ".json":
        lines.append("to see which, and why: -o boxes.json")
    return "\n".join(lines)


def _write(found: Detected, output: Path) -> None:
    from anonbench.core.io import write_csv, write_json, write_parquet

    if output.suffix == ".parquet":
        write_parquet(found.boxes, output)
    elif output.suffix == ".csv":
        names = found.images.set_index("id")["name"]
        table = found.boxes
        table.insert(1, "path", table["id"].map(names))
        write_csv(table, output)
    else:
        images = found.images.to_dict("records")
        regions: dict[str, list[dict[str, Any]]] = {row["id"]: [] for row in images}
        for row in found.boxes.to_dict("records"):
            entry = {name: row[name] for name in ("entity", "x0", "y0", "x1", "y1", "score")}
            quad = [row[f"q{number}"] for number in range(8)]
            slanted = {} if quad[0] != quad[0] else {"quad": quad}  # NaN if it is upright
            regions[row["id"]].append(entry | slanted)
        left = [each._asdict() for each in found.left_out]
        listed = [row | {"regions": regions[row["id"]]} for row in images]
        write_json(output, {"images": listed, "left_out": left})
