"""Options shared by commands that read images."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
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


_SECTIONS = ("detection", "anonymization")


def detectors(*sections: str) -> str:
    """Options of the detectors, their settings and the kinds of regions, for `add_command`.

    `sections` of a config are read besides `detection` and `anonymization`.
    """
    *first, last = (f"`{each}`" for each in _SECTIONS + sections)
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


def settings_of(options: argparse.Namespace, *more: str) -> Requested:
    """Read the requested detectors and the sections of `--configfile`, with those of `more`.

    A config with data sets is an experiment, so its settings are used unchanged. Otherwise its
    settings override the high-coverage defaults (`covering`).

    Raises:
        InputError: there is no such detector or kind of region, or the config is wrong.
    """
    from anonbench.config import Config, load
    from anonbench.config.detectors import LOOKED_FOR, covering
    from anonbench.config.file import read
    from anonbench.detection.search import searching

    file: Path | None = options.configfile
    given: dict[str, Any] = read(file) if file else {}
    for name in given:
        if name not in Config.model_fields:
            near = suggestion(name, Config.model_fields)
            raise InputError(f"{file}: there is no section {name!r}{near}")
    is_experiment = bool(given.get("datasets"))
    names, hide = options.detector or [], options.hide or []
    own: list[str] = []
    used: list[str] = []
    if is_experiment:
        sets = load(given).enabled
        images = Path(str(getattr(options, "images", ""))).resolve()
        sets = {name: each for name, each in sets.items() if each.path.resolve() == images} or sets
        has_boxes = getattr(options, "boxes", None) is not None
        asked = ["corrections", *([] if has_boxes else ["boxes"])]
        own = [str(path) for d in sets.values() for name in asked if (path := getattr(d, name))]
        if not names:
            names = _detectors_of(file, sets, has_boxes)
            used += [f"datasets.{next(iter(sets))}.detectors"] if names else []
    is_default, is_named = not names, bool(names or hide)
    names = _detectors_of_kinds([*searching(names or LOOKED_FOR)], hide)
    sections = {name: given[name] for name in _SECTIONS + more if name in given}
    used += sections
    if options.speed:
        sections["detection"] = {**(sections.get("detection") or {}), "speed": options.speed}
    if not is_experiment and isinstance(sections.get("detection", {}), dict):
        sections["detection"] = covering(sections.get("detection"))
    searched = {"layout": "folder", "path": ".", "detectors": names}
    config = load({"datasets": {"images": searched}, **sections})
    line = _searched_for(names, is_default)
    if file:
        line += f"\nfrom {shown(str(file))}: {', '.join(used) or 'nothing'}"
        line += "; its other settings are not used"
    if own:
        line += f"\nnot used: {shown(', '.join(own))}; {_OWN}"
    return Requested(names, config, is_named, line)


def _detectors_of(file: Path | None, sets: Mapping[str, Dataset], has_boxes: bool) -> list[str]:
    """Detectors of a config's data sets, which must have the same ones; `--boxes` replace boxes."""
    named = {tuple(map(str, each.detectors)) for each in sets.values()}
    if len(named) > 1:
        raise InputError(
            f"{file}: the data sets {', '.join(sets)} have different detectors; name them by "
            "--detector"
        )
    names = [name for name in named.pop() if not (has_boxes and name == "boxes")]
    if unusable := [name for name in names if name in ("boxes", "template")]:
        own = f"; {_OWN}" if unusable[0] == "boxes" else ""
        raise InputError(
            f"{file}: datasets.{next(iter(sets))}.detectors: {unusable[0]} needs files of the data "
            f"set, which only the workflow reads; name other detectors by --detector{own}"
        )
    return names


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
