"""Options shared by commands that read images."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from anonbench.core.errors import InputError
from anonbench.core.wording import count, suggestion
from anonbench.datasets.walk import shown

if TYPE_CHECKING:
    from anonbench.config import Config, Dataset

IMAGES = (
    "a folder with its subfolders, a tar, a table (.csv, .parquet) with a column `path`, an image, "
    "or - for a list of paths on standard input"
)
WORKERS = "--workers N  processes (as many as there are cores)"
BOXES = "--boxes FILE  regions of your own (CSV, Parquet, COCO)"
_DETECTORS = """\
--detector NAME...  by default centerface, ppocr, zxing, mrz, ink; also mtcnn, face_onnx, or one
  from another package; may be repeated; the regions of all are used
--hide KIND...  search only for these kinds of regions: face, text, barcode, mrz, ink; a list with
  commas, or repeat the option
--speed {thorough,quick,single}  thorough (the default): all scales and rotations, covers 99 to 100
  percent of faces of 24 pixels or more; quick: upright only, text from half size, covers as many
  upright faces, but only 58 to 83 percent of rotated ones; single: once at full size, misses large
  and rotated faces and small text; overrides the config's `detection.speed`"""
# the figures on faces are from docs/reference/copies.md


def detectors(*sections: str) -> str:
    """Options of the detectors, their settings and the kinds of regions, for `add_command`.

    `sections` of a config are read besides `detection` and `anonymization`.
    """
    *first, last = (f"`{each}`" for each in ("detection", "anonymization", *sections))
    return (
        f"{_DETECTORS}\n--configfile FILE  a config whose sections {', '.join(first)} and {last} "
        "are used; without --detector, also its data set's `detectors`"
    )


def no_images_line(suffixes: Mapping[str, int]) -> str:
    """Line about files that are no images, by suffix."""
    files = sum(suffixes.values())
    kinds = ", ".join(f"{number:,} {suffix}" for suffix, number in suffixes.items())
    return f"{count(files, 'file')} {'is no image' if files == 1 else 'are no images'} ({kinds})"


_OWN = (
    "regions of your own: --boxes of evaluate, or FOLDER.corrections.csv beside the output of "
    "anonymize (docs/how-to/review.md)"
)


class Requested(NamedTuple):
    """Detectors that a command runs, and the sections of `--configfile`."""

    detectors: list[str]
    config: Config
    is_named: bool  # whether detectors or kinds of regions are named in the options or the config
    line: str  # line for the user: regions searched for, detectors, and the config sections in use


def settings_of(options: argparse.Namespace, default: tuple[str, ...], *more: str) -> Requested:
    """Read the requested detectors and the sections of `--configfile`.

    A config with data sets is an experiment, so its settings are used unchanged. Otherwise its
    settings override the high-coverage defaults (`covering`).

    Args:
        options: options of the command.
        default: detectors used if neither options nor config name one.
        more: sections to read besides `detection` and `anonymization`.

    Raises:
        InputError: there is no such detector or kind of region, or the config is wrong.
    """
    from anonbench.config import Config, load
    from anonbench.config.detectors import covering
    from anonbench.config.file import read
    from anonbench.detection.search import searching

    file: Path | None = options.configfile
    given: dict[str, Any] = read(file) if file else {}
    own: list[str] = []
    for name in given:
        if name not in Config.model_fields:
            near = suggestion(str(name), Config.model_fields)
            raise InputError(f"{file}: there is no section {name!r}{near}")
    names: Sequence[str] = options.detector or ()
    used: list[str] = []
    if given.get("datasets"):
        experiment = load(given)
        found = _data_sets_of(experiment, options).values()
        asked = ["corrections", *(["boxes"] if getattr(options, "boxes", None) is None else [])]
        own = [str(path) for each in found for name in asked if (path := getattr(each, name))]
        if not names:
            source, names = _detectors_of(experiment, options)
            used += [source] if names else []
    hide = getattr(options, "hide", None) or []
    is_default, is_named = not names, bool(names or hide)
    names = _detectors_of_kinds([*searching(names or default)], hide)
    sections = {
        each: given[each] for each in ("detection", "anonymization", *more) if each in given
    }
    used += sections
    if speed := getattr(options, "speed", None):
        sections["detection"] = {**(sections.get("detection") or {}), "speed": speed}
    if not given.get("datasets") and isinstance(sections.get("detection", {}), dict):
        sections["detection"] = covering(sections.get("detection"))
    images = {"layout": "folder", "path": ".", "detectors": names}
    config = load({"datasets": {"images": images}, **sections})
    line = _searched_for(names, is_default)
    if file:
        line += f"\nof {shown(str(file))} hold: {', '.join(used) or 'nothing'}; no other setting"
    if own:
        line += f"\nnot used: {shown(', '.join(own))}; {_OWN}"
    return Requested(names, config, is_named, line)


def _data_sets_of(config: Config, options: argparse.Namespace) -> Mapping[str, Dataset]:
    """Data set of a config that contains the given images, or all."""
    images = Path(str(getattr(options, "images", ""))).resolve()
    sets = config.enabled
    return {name: each for name, each in sets.items() if each.path.resolve() == images} or sets


def _detectors_of(config: Config, options: argparse.Namespace) -> tuple[str, list[str]]:
    """Detectors of a config, with the name of the setting that lists them.

    Among several data sets, the one that contains the given images is used, or any if all have the
    same detectors. With `--boxes`, the detector `boxes` is left out.

    Raises:
        InputError: data sets differ, or a detector needs files that no command reads.
    """
    file, has_boxes = options.configfile, getattr(options, "boxes", None) is not None
    found = _data_sets_of(config, options)
    named = {tuple(map(str, each.detectors)) for each in found.values()}
    source = f"datasets.{next(iter(found))}.detectors"
    if len(named) > 1:
        raise InputError(
            f"{file}: the data sets {', '.join(found)} have different detectors; name them by "
            "--detector"
        )
    names = [name for name in named.pop() if not (has_boxes and name == "boxes")]
    if unusable := [name for name in names if name in ("boxes", "template")]:
        own = f"; {_OWN}" if unusable[0] == "boxes" else ""
        raise InputError(
            f"{file}: {source}: {unusable[0]} needs files of the data set, which only the workflow "
            f"reads; name other detectors by --detector{own}"
        )
    return source, names


def _detectors_of_kinds(names: list[str], hide: list[str]) -> list[str]:
    """Detectors that find one of the kinds of regions; all detectors if no kind is named."""
    from anonbench.core.registries.detectors import DETECTORS
    from anonbench.core.vocabulary import Entity
    from anonbench.detection.search import kinds_of

    kinds = [kind.strip() for text in hide for kind in text.split(",")]
    for kind in kinds:
        if kind not in list(Entity):
            raise InputError(
                f"--hide {kind}: there is no such kind of region; there are {', '.join(Entity)}"
            )
        if kind not in kinds_of(names):
            raise InputError(f"--hide {kind}: none of {', '.join(names)} finds it; see --detector")
    return [name for name in names if not kinds or {*DETECTORS[name].entities} & {*kinds}]


def _searched_for(names: list[str], is_default: bool) -> str:
    from anonbench.core.vocabulary import Entity
    from anonbench.detection.search import kinds_of

    kinds = kinds_of(names)
    others = [str(each) for each in Entity if each not in kinds]
    if Entity.TEXT in kinds and Entity.INK not in kinds:
        # of letters in the boxes of a form, the text detector alone misses more than half
        others[others.index(Entity.INK)] += " (which also finds single letters in boxes)"
    line = f"searching for {', '.join(kinds) or 'regions'} (by {', '.join(names)})"
    if others:
        return f"{line}; not for {', '.join(others)}"
    return f"{line}; fewer: --hide face,text" if is_default else line
