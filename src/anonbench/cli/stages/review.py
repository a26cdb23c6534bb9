"""`anonbench review`: a person's last look at the regions, in a browser on this machine."""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anonbench.cli.shared import read_config
from anonbench.core.errors import InputError
from anonbench.core.wording import count

if TYPE_CHECKING:
    from anonbench.config import Config

_EPILOG = """\
Example:
  anonbench review archive --configfile archive.yaml

What the sample says, and what it does not: docs/how-to/review.md."""
_SHOWS = "ORIGINALS ARE SHOWN on this page, to whoever has its address:"


def add(commands: Any) -> None:
    """Add the command to the subparsers of `anonbench`."""
    parser = commands.add_parser(
        "review",
        help="look at the least certain images and a random sample, and correct their regions",
        description="Serves a page on this machine only, that shows images with their regions. "
        "Regions are added, moved, removed and confirmed there. Writes the corrections that the "
        "next run honours, and beside them a record of what was looked at. Control-C ends it.",
        epilog=_EPILOG,
    )
    parser.add_argument("dataset", help="its name in the config")
    parser.add_argument(
        "--configfile",
        type=Path,
        default=Path("config.yaml"),
        metavar="FILE",
        help="the config that the workflow ran with (config.yaml)",
    )
    parser.add_argument(
        "--sample", type=int, default=100, metavar="N", help="images in the random sample (100)"
    )
    parser.add_argument("--port", type=int, default=0, help="one that is free, where none is given")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Serve the page until it is interrupted, then print what was done.

    Raises:
        InputError: detection has no results, or another review is running.

    """
    config = read_config(options.configfile)
    name = options.dataset
    if name not in config.enabled:
        raise InputError(f"no data set {name}: there are {', '.join(config.enabled)}")
    if options.sample < 1:
        raise InputError("--sample: at least 1")
    from anonbench.core.io import locked
    from anonbench.detection.review.server import ReviewServer
    from anonbench.detection.review.session import Review

    path, line = _file(config, name, options.configfile)
    target = _rerun(f"{name}_boxes", options.configfile)
    folder = config.results / name
    if not folder.is_dir():
        raise InputError(f"{folder}: nothing was searched yet; run {target}")
    with locked(folder):
        review = Review(config, name, path, options.sample, target)
        with ReviewServer(review, options.port) as server:
            _greet(review, path, line, server.address)
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                print(file=sys.stderr)
        summary = review.summary()
    summary |= {"add_to_config": line, "next": _rerun("", options.configfile)}
    print(
        json.dumps(summary, indent=2, ensure_ascii=False)
        if options.json
        else _told(review, summary)
    )


def _file(config: Config, name: str, configfile: Path) -> tuple[Path, str | None]:
    """Return the corrections file, and what the config must say of it where it says nothing."""
    path = config.datasets[name].corrections
    if path is not None:
        return path, None
    import yaml

    path = configfile.parent / f"corrections_{name}.csv"
    return path, yaml.safe_dump({"corrections": str(path)}, allow_unicode=True, width=10**6).strip()


def _rerun(target: str, configfile: Path) -> str:
    words = ["anonbench", "run", *([target] if target else [])]
    return shlex.join([*words, "--configfile", str(configfile)])


def _greet(review: Any, path: Path, line: str | None, address: str) -> None:
    def tell(text: str) -> None:
        print(text, file=sys.stderr)

    sample = sum(entry.place is not None for entry in review.entries)
    tell(
        f"{count(len(review.entries), 'image')} to look at: a random sample of {sample:,} (seed "
        f"{review.seed}), then the least certain ones"
    )
    if review.unreadable:
        tell(f"{count(review.unreadable, 'image')} cannot be read and are not shown: skipped.csv")
    if review.file.unmatched:
        tell(f"{count(review.file.unmatched, 'row')} of {path} reach no image; they stay there")
    tell(f"corrections: {path}")
    tell(f"record: {review.record.path}")
    if line:
        tell(_unnamed(review.name, line))
    tell(f"{_SHOWS} {address}")
    tell("Control-C ends the review; what was confirmed is kept")


def _told(review: Any, summary: dict[str, Any]) -> str:
    lines = [
        f"{summary['looked_at']:,} of {summary['images']:,} images were looked at",
        *review.overview()["estimate"],
    ]
    if summary["add_to_config"]:
        lines.append(_unnamed(review.name, summary["add_to_config"]))
    lines.append(f"to hide what was marked: {summary['next']}")
    return "\n".join(lines)


def _unnamed(name: str, line: str) -> str:
    return f"NO RUN HONOURS IT YET: write below datasets.{name} in the config: {line}"
