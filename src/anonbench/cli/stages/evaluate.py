"""`anonbench evaluate`: effect of anonymizing a folder of images on a retrieval system."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anonbench.cli.inputs import BOXES, IMAGES, detectors, settings_of
from anonbench.cli.shared import DONE, DOUBTFUL, add_command, aligned
from anonbench.cli.stages.embed import CACHE, SMALL, SYSTEM
from anonbench.core.vocabulary import Method
from anonbench.datasets.inputs import require_place

if TYPE_CHECKING:
    from anonbench.evaluation.end_to_end.result import Result

_SECTIONS = ("retrieval", "presentation", "seed")
"""Config sections read besides those that all commands read."""

_MANUAL = f"""\
evaluate: measure what anonymization costs a retrieval system
Searches, anonymizes and encodes images in one process, scores the system's rankings of the
anonymized images against its own ranking of the originals, and says which method keeps the most.
Nothing is trained.

IMAGES  {IMAGES}
{SYSTEM}
--method NAME...  pixelate, blur, mask (these three are the default), or another of those in
  docs/reference/methods.md; a list with commas, or repeat the option
--degree PERCENT...  how many of each image's regions are hidden (100); may be repeated
{detectors(*_SECTIONS)}
{BOXES}
--clusters FILE  columns id and cluster (.csv, .parquet): images that belong together, such as
  photos of one person
--attack  also measure how often the system finds the original of a hidden region
--map  also score vectors moved towards those of their originals (mapped_<method>): what
  `anonbench map` would regain, judged on clusters that it does not learn from
--keep-without-regions  also score images in which nothing was found
{CACHE}
output:
--json  print JSON instead of a table
-o, --output FOLDER  also write files there (a new folder)

Each page of a PDF or TIFF file is an image.
Originals are read and never written; nothing is written but to --output and --cache. The files of
--output: result.md, result.json, scores.csv, comparisons.csv, with --attack
reidentification.csv; and, which name your files, images.csv (every image with its status),
per_query.parquet and trec/ (rankings and judgments).
Exit status 3: done, but some images could not be read, or a detector failed on them.
What the numbers mean: docs/how-to/evaluate.md.

Examples:
  anonbench evaluate photos
  anonbench evaluate photos --system function:my_search:encode -o answer
  anonbench evaluate scans --detector ppocr --detector mrz --method mask --json > answer.json
  anonbench evaluate photos --boxes boxes.csv --clusters persons.csv"""


def add(commands: Any) -> None:
    """Add the command to the subparsers of `anonbench`."""
    add_command(commands, _MANUAL, run, system=SMALL)


def run(options: argparse.Namespace) -> int:
    """Evaluate, write and print."""
    require_place(options.images)
    from anonbench.core.errors import InputError
    from anonbench.core.io import require_new
    from anonbench.evaluation.end_to_end.evaluate import evaluate

    inside = Path(options.images).resolve()
    for name in ("output", "cache"):
        place = getattr(options, name)
        if place is not None and place.resolve().is_relative_to(inside) and inside.is_dir():
            raise InputError(f"--{name} {place} lies among the images; name another folder")
    if options.output is not None:
        require_new(options.output)
    asked = settings_of(options, *_SECTIONS)
    config, is_searched = asked.config, asked.is_named or not options.boxes
    first, *others = asked.line.splitlines()
    if not options.json:
        boxes = f"searching for nothing: {options.boxes} has the regions"
        default = " (the default; another one: --system)" if options.system == SMALL else ""
        system = f"ranking by {options.system}{default}"
        print(first if is_searched else boxes, *others, system, sep="\n", flush=True)
    result = evaluate(
        options.system,
        options.images,
        [name.strip() for text in options.method or Method for name in text.split(",")],
        options.degree or (100,),
        asked.detectors if is_searched else None,
        boxes=options.boxes,
        clusters=options.clusters,
        cache=options.cache,
        attack=options.attack,
        mapped=options.map,
        keep_without_regions=options.keep_without_regions,
        seed=config.seed,
        detection=config.detection,
        anonymization=config.anonymization,
        retrieval=config.retrieval,
        presentation=config.presentation,
    )
    if options.output:
        _write(result, options.output)
    print(result.to_json() if options.json else as_text(result))
    return DOUBTFUL if result.doubtful else DONE


def as_text(result: Result) -> str:
    """Format advice, scores as an aligned table, and counts."""
    heads, *rows = result.grid()
    shown = [[" ".join(cell.split()) for cell in row] for row in (heads, *rows)]
    return "\n\n".join(["\n".join(result.advice), aligned(shown, 1), result.counts()])


def _write(result: Result, folder: Path) -> None:
    from anonbench.core.io import make_private, plain_cell, write_csv, write_parquet, write_text

    make_private(folder)  # some files name images
    write_text(folder / "result.md", result.to_markdown() + "\n")
    write_text(folder / "result.json", result.to_json() + "\n")
    write_csv(result.table, folder / "scores.csv")
    write_csv(result.comparisons, folder / "comparisons.csv")
    write_parquet(result.per_query, folder / "per_query.parquet")
    if result.rates is not None:
        write_csv(result.rates, folder / "reidentification.csv")
    write_csv(result.image_list().map(plain_cell), folder / "images.csv")
    result.trec_runs(folder / "trec")
