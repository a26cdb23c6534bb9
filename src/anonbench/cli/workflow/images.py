"""`anonbench images export`: numbered anonymized images for publication."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from anonbench.cli.shared import add_run_options, read_config, workflow_of
from anonbench.core.errors import InputError

_NAMED = """\
Names of files and folders are those of your originals: for yourself, not to be passed on. Suffixes
and formats are those of the image sets. To anonymize a folder file by file, in its own formats:
anonbench anonymize."""
_NOTE = """\
Images are numbered in the order of their ids, classes in the order of their labels, as in report
and bundle: who has the list of either knows which is which. Only regions that were found are
hidden: look at a sample before you pass them on."""


def add(commands: Any) -> None:
    """Add the command to the subparsers of `anonbench`."""
    images = commands.add_parser("images", help="export anonymized images to pass on")
    kinds = images.add_subparsers(required=True, metavar="action")
    parser = kinds.add_parser(
        "export",
        help="write numbered copies of anonymized images into a folder or tar",
        description="Writes <variant>/<number>.png of each variant and images.csv (number, split, "
        "class), without any file name. Every image is compared with its digest.",
        epilog="Examples:\n"
        "  anonbench images export archive mask-100 -o passed-on.tar --configfile archive.yaml\n"
        "  anonbench images export archive mask-100 -o mine --names --configfile archive.yaml\n\n"
        "What is passed on and what stays: docs/how-to/export.md.",
    )
    parser.add_argument("dataset", help="its name in the config")
    parser.add_argument("variant", nargs="+", help="method and degree, such as mask-100")
    add_run_options(parser)
    parser.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="also write a CSV with each image's number and id, readable only by you",
    )
    parser.add_argument(
        "--names",
        action="store_true",
        help="keep paths and labels, for your own use: do not pass these files on",
    )
    parser.add_argument(
        "--accept-unhidden",
        type=int,
        default=0,
        metavar="N",
        help="export although N images may be unhidden; the refusal prints N",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Export the images and print a warning for anyone who passes them on."""
    import snakemake  # noqa: F401 - the plan needs it: where it is missing, say so first

    from anonbench.anonymization.export import check_request, export_images
    from anonbench.core.vocabulary import Variant

    try:
        variants = [Variant.parse(text) for text in dict.fromkeys(options.variant)]
    except ValueError:
        raise InputError(
            f"{', '.join(options.variant)}: a variant is a method and a degree, such as mask-100"
        ) from None
    config = read_config(options.configfile)
    request = (config, options.dataset, variants, options.to, options.key)
    if options.names and options.key:
        raise InputError("--key says which number is which image; --names leaves them their names")
    check_request(*request)
    _require_current(options, [str(variant) for variant in variants])
    done = export_images(*request, options.accept_unhidden, options.names)
    sets = " and ".join(map(str, variants))
    print(f"wrote {options.to}: {done.images:,} images as {sets}, {done.megabytes:,.1f} MB")
    if "train" not in done.splits:
        print("of the split val alone: nothing in this config needs anonymized train images")
    print(f"that may show what should be hidden: {done.unhidden}")
    if options.key:
        print(f"wrote {options.key}: which number is which image; do not pass it on")
    print(f"\n{_NAMED if options.names else _NOTE}", file=sys.stderr)


def _require_current(options: argparse.Namespace, variants: list[str]) -> None:
    """Raise InputError if the images are outdated, because regions have changed since."""
    from anonbench.workflow.planned_jobs import collect

    given = [f"{options.dataset}_images", *workflow_of(options)]
    command = shlex.join(given)
    waiting = [
        job
        for job in collect(given).planned
        if job.stage != "originals" and job.wildcards.get("variant", variants[0]) in variants
    ]
    if waiting:
        raise InputError(
            f"{options.dataset}: {len(waiting):,} jobs have to run before the images are what the "
            f"config and the data say: snakemake --cores all {command} (and why: "
            f"anonbench plan {command})"
        )
