"""Options that commands which read images share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anonbench.core.errors import InputError
from anonbench.core.wording import suggestion

if TYPE_CHECKING:
    from anonbench.config import Config

IMAGES = (
    "a folder (with all folders in it), a tar, a table (.csv, .parquet) with a column `path`, an "
    "image, or - for a list of paths on standard input"
)


def add_images(parser: argparse.ArgumentParser) -> None:
    """Add the argument IMAGES."""
    parser.add_argument("images", metavar="IMAGES", help=IMAGES)


def add_detection(parser: argparse.ArgumentParser) -> None:
    """Add the detectors, their settings, and how many processes look."""
    add_detectors(parser)
    parser.add_argument(
        "--workers", type=positive, metavar="N", help="processes (as many as there are cores)"
    )


def add_detectors(parser: argparse.ArgumentParser, default: str = "centerface") -> None:
    """Add the detectors, the default one among them, and their settings."""
    others = (name for name in ("centerface", "mtcnn", "face_onnx") if name != default)
    parser.add_argument(
        "--detector",
        action="append",
        dest="detectors",
        metavar="NAME",
        help=f"{default} (the default), {', '.join(others)}, ppocr, zxing, mrz, or another "
        "package's; may be repeated, and what any of them finds counts",
    )
    parser.add_argument(
        "--configfile",
        type=Path,
        metavar="FILE",
        help="a config whose sections `detection` and `anonymization` hold here, too",
    )


def positive(text: str) -> int:
    """Read a number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return int(text)


def settings_of(options: argparse.Namespace, default: tuple[str, ...]) -> tuple[list[str], Config]:
    """Return the detectors asked for, and a config with the sections of `--configfile`.

    Raises:
        InputError: there is no such detector, or a section is wrong.

    """
    from anonbench.config import Config, load
    from anonbench.config.file.text import read
    from anonbench.detection.search import searching

    names = [*searching(options.detectors or default)]
    given: dict[str, Any] = read(options.configfile) if options.configfile else {}
    for name in given:
        if name not in Config.model_fields:
            near = suggestion(str(name), Config.model_fields)
            raise InputError(f"{options.configfile}: there is no section {name!r}{near}")
    sections: dict[str, Any] = {
        name: given[name] for name in ("detection", "anonymization") if name in given
    }
    images = {"layout": "folder", "path": ".", "detectors": names}
    return names, load({"datasets": {"images": images}, **sections})
