"""`anonbench review`: manual review of detected regions in a local browser."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anonbench.cli.shared import CONFIG, add_command, read_config, tell
from anonbench.core.errors import InputError
from anonbench.core.wording import count

if TYPE_CHECKING:
    from collections.abc import Callable

    from anonbench.detection.review.session import Review

_SHOWS = "ORIGINALS ARE SHOWN on this page, to whoever has its address:"

_MANUAL = f"""\
review: look at the regions in a browser and correct them
Serves a page, on this machine only, that shows images with their regions. There you add, move,
remove and confirm regions; doubtful images come first. The command writes the corrections, which
the next run uses, and a record of the images that you saw. Control-C ends it.

FOLDER|DATASET  a folder that `anonbench anonymize` wrote, or a data set's name in the config
{CONFIG}
--images IMAGES  the folder's originals, if they were moved
--sample N  images in the random sample (100)
--port PORT  port of the page (a free one)
--json  print the summary as JSON

Examples:
  anonbench review anonymized
  anonbench review archive --configfile archive.yaml

What the sample says, and what it does not: docs/how-to/review.md."""


def add(commands: Any) -> None:
    """Add the command to the subparsers of `anonbench`."""
    add_command(commands, _MANUAL, run, {"N": int, "PORT": int}, sample=100, port=0)


def run(options: argparse.Namespace) -> None:
    """Serve the page until interrupted, then print a summary."""
    if options.sample < 1:
        raise InputError("--sample: at least 1")
    begun = None if options.configfile else _folder_review(options)
    folder, begin, line, rerun = begun or _data_set_review(options)
    from anonbench.core.io import locked
    from anonbench.detection.review.server import ReviewServer

    with locked(folder):
        review = begin()
        with ReviewServer(review, options.port) as server:
            _print_start(review, line, server.address)
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                print(file=sys.stderr)
        summary = review.summary()
    summary |= {"add_to_config": line, "next": rerun}
    tell(options, summary, _summary_text(review, summary))


_Session = tuple[Path, "Callable[[], Review]", str | None, str]
"""Folder to lock, function that starts the review, line for the config, next command."""


def _folder_review(options: argparse.Namespace) -> _Session | None:
    """Review of a folder of anonymized copies; None if a data set is reviewed."""
    from anonbench.anonymization.files.record import audit_file
    from anonbench.datasets.inputs import require_finished

    to = Path(options.folder)
    require_finished(to)
    if not (to.is_dir() and audit_file(to).is_file()):
        return None
    from anonbench.anonymization.files.corrections import review_folder

    rerun = f"the same `anonbench anonymize … -o {shlex.quote(options.folder)}` again"
    return to, lambda: review_folder(to, options.sample, options.images), None, rerun


def _data_set_review(options: argparse.Namespace) -> _Session:
    name, configfile = options.folder, options.configfile or Path("config.yaml")
    if not options.configfile and not configfile.exists():
        raise InputError(
            f"{name}: no folder that `anonbench anonymize` wrote (its record lies beside it), and "
            f"there is no {configfile} with a data set of this name: name one by --configfile"
        )
    config = read_config(configfile)
    if name not in config.enabled:
        raise InputError(f"no data set {name}: there are {', '.join(config.enabled)}")
    from anonbench.detection.review.session import review_run

    path, line = config.datasets[name].corrections, None
    if path is None:
        import yaml

        path = configfile.parent / f"corrections_{name}.csv"
        line = yaml.safe_dump({"corrections": str(path)}, allow_unicode=True, width=10**6).strip()
    given = shlex.join(["--configfile", str(configfile)])
    target = f"anonbench run {shlex.quote(f'{name}_boxes')} {given}"
    folder = config.results / name
    if not folder.is_dir():
        raise InputError(f"{folder}: nothing was searched yet; run {target}")

    def begin() -> Review:
        return review_run(config, name, path, options.sample, target)

    return folder, begin, line, f"anonbench run {given}"


def _print_start(review: Review, line: str | None, address: str) -> None:
    what, path = review.what, review.file.path
    sample = sum(entry.place is not None for entry in review.entries)
    lines = [
        f"{count(len(review.entries), 'image')} to look at: a random sample of {sample:,} (seed "
        f"{what.seed}) and the least certain ones"
    ]
    for number, noun, text in (
        (what.unreadable, "image", "not shown, not readable or not searched"),
        (what.gone, "image", "not shown, the originals are gone"),
        (review.file.unmatched, "row", f"of {path} without an image; left there"),
    ):
        if number:
            lines.append(f"{count(number, noun)} {text}")
    lines += [f"corrections: {path}", f"record: {review.record.path}"]
    if line:
        lines.append(_unnamed(what.name, line))
    lines += [f"{_SHOWS} {address}", "Control-C ends the review; what was confirmed is kept"]
    print(*lines, sep="\n", file=sys.stderr)


def _summary_text(review: Review, summary: dict[str, Any]) -> str:
    lines = [
        f"{summary['looked_at']:,} of {summary['images']:,} images were looked at",
        *review.overview()["estimate"],
    ]
    if not review.is_marked:
        return "\n".join([*lines, "nothing is marked"])
    if summary["add_to_config"]:
        lines.append(_unnamed(review.what.name, summary["add_to_config"]))
    return "\n".join([*lines, f"to hide what was marked: {summary['next']}"])


def _unnamed(name: str, line: str) -> str:
    return f"NOT USED YET: write below datasets.{name} in the config: {line}"
