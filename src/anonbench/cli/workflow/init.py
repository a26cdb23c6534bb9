"""`anonbench init`: a first config for a folder of images."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anonbench.cli.inputs import no_images_line
from anonbench.cli.shared import add_command, tell
from anonbench.cli.stages.embed import SMALL, SYSTEM
from anonbench.core.errors import InputError
from anonbench.core.io import atomic, cannot_be_written_to
from anonbench.core.wording import count, duration
from anonbench.datasets.walk import shown

if TYPE_CHECKING:
    from anonbench.config import Config
    from anonbench.workflow.first_config.document import Estimate
    from anonbench.workflow.first_config.survey import Sample, Survey

_MINUTES = 10.0

_MANUAL = f"""\
init: look at a folder and write the config of an experiment
Counts a folder's images, searches a sample for faces, text, barcodes and machine-readable zones,
tries the system on it, and writes a commented config: the smallest useful experiment, with its time
and disk space. On a terminal, it asks for what the options do not say. It changes nothing in the
folder.

FOLDER
-o, --output, --to FILE  config to write (archive.yaml)
{SYSTEM}
--label COLUMN  a label column, for accuracies: `class` of class folders
--persons  each class folder shows one person
--minutes MINUTES  time that the first experiment may take ({_MINUTES:g}); samples have at
  least 200 images
--cores N  cores of the run (this machine's)
--yes  ask nothing, take the defaults
--json  print what was seen and written as JSON; ask nothing

File names and text in images are never shown, only counted.

Examples:
  anonbench init photos
  anonbench init scans --system function:our_search:encode --minutes 60 -o scans.yaml
  anonbench init scans --json > seen.json
  anonbench run --configfile archive.yaml"""


def add(commands: Any) -> None:
    """Add the command to the subparsers of `anonbench`."""
    add_command(commands, _MANUAL, run, {"MINUTES": _minutes}, output=Path("archive.yaml"))


def run(options: argparse.Namespace) -> None:
    """Survey the folder, ask for choices, and write the config."""
    _require_places(options.folder, options.output)  # before an import that takes a second

    from anonbench.workflow.first_config.survey import survey

    seen = survey(options.folder)

    from anonbench.config import load
    from anonbench.config.file import read
    from anonbench.core.libraries.devices import candidates
    from anonbench.embedding.given_systems import system_settings
    from anonbench.workflow.first_config.document import FEWEST, Choice, compose
    from anonbench.workflow.first_config.survey import look

    if not options.json:
        _show_survey(seen)
    _ask(options, seen)
    if options.persons and not seen.classes:
        raise InputError(f"--persons: there are no class folders in {shown(str(options.folder))}")
    if options.label is not None and options.label not in seen.labels:
        there = ", ".join(seen.labels[:5]) or "none"
        raise InputError(
            f"--label {options.label}: no such column in the folder; there are {there}"
        )
    named = options.system or SMALL
    settings = system_settings(named)
    try:  # vectors from another program do not exist yet
        sample = look(seen.sample, settings if settings.embeds_images else None)
    except InputError as error:
        raise InputError(
            f"--system {named} cannot be used, and no config is written: {error}"
        ) from None
    if not options.json:
        _show_sample(sample, len(seen.sample))
    if not sample.read:
        raise InputError(
            f"{options.folder}: none of the {count(sample.unreadable.total(), 'image')} looked at "
            "can be read; there is nothing to experiment with"
        )
    choice = Choice(
        system=settings.model_dump(mode="json", exclude_unset=True, by_alias=True)
        | {"kind": settings.name},
        is_default=named == SMALL,
        label=options.label,
        persons=options.persons,
        minutes=options.minutes or _MINUTES,
        cores=options.cores or len(os.sched_getaffinity(0)),
        gpus=len(candidates(os.environ)),
        results=Path("results") / options.output.stem,
        file=options.output,
    )
    text, cost = compose(seen, sample, choice)
    with atomic(options.output) as part:
        part.write_text(text, encoding="utf-8")
        config = load(read(part))  # the written config can be run
        if cost.images < FEWEST:
            _require_enough(config, options.folder)
    text = f"too few for the policy: {cost.gap}\n" if cost.gap else ""
    given = f"--configfile {shlex.quote(str(options.output))}"
    text += (
        f"wrote {options.output}: {count(cost.images, 'image')}, about {duration(cost.seconds)} "
        f"with {count(choice.cores, 'core')}, or half or twice as long\n"
        f"what would run: anonbench plan {given}\n"
        f"run it:         anonbench run {given}"
    )
    tell(options, _as_json(seen, sample, cost, options.output, choice.cores), text)


def _as_json(seen: Survey, sample: Sample, cost: Estimate, to: Path, cores: int) -> dict[str, Any]:
    """Survey and estimated cost of the experiment as plain data, without file names."""
    counts = {name: getattr(seen, name) for name in ("images", "megabytes", "formats", "split")}
    found = {
        name: {"entity": each.entity, "images": each.images, "not_tried": each.missing}
        for name, each in sample.found.items()
    }
    return {
        "config": str(to),
        **counts,
        "classes": len(seen.classes),
        "not_used": seen.left,
        "no_images": seen.no_images,
        "sample": {"read": sample.read, "unreadable": sample.unreadable, "found": found},
        "experiment": {
            "images": cost.images,
            "cores": cores,
            # other programs share the cores, and images differ
            "seconds": {"least": 0.5 * cost.seconds, "most": 2.0 * cost.seconds},
            "bytes": cost.bytes,
        },
    }


def _minutes(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError("must be a number of minutes above 0")
    return value


def _require_places(folder: Path, to: Path) -> None:
    if not folder.exists():
        raise InputError(f"the folder {shown(str(folder))} does not exist")
    if not folder.is_dir():
        raise InputError(
            f"{shown(str(folder))} is a file; name a folder of images "
            "(a table needs a config with `layout: table`: docs/how-to/own-data.md)"
        )
    if to.exists():
        raise InputError(f"{to} is there already, and is not overwritten; name another file (-o)")
    if to.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{to} is in the folder of the originals: name another place (-o)")
    if message := cannot_be_written_to(to.parent, " (-o)"):
        raise InputError(message)


def _require_enough(config: Config, folder: Path) -> None:
    """Raise an error if the run itself would refuse the config for too few images."""
    from anonbench.config.experiment import Experiment
    from anonbench.datasets.listing import count_found, read_source
    from anonbench.workflow.image_counts import check_counts

    counts = {
        name: count_found(read_source(name, dataset, config.seed, labels=False))
        for name, dataset in config.datasets.items()
    }
    try:
        check_counts(Experiment(config), counts)
    except InputError as error:
        reason = " ".join(str(error).split()).removeprefix("too few images: ")
        raise InputError(
            f"{folder}: too few images for an experiment; add some ({reason})"
        ) from None


def _show_survey(seen: Survey) -> None:
    print(f"{seen.content}, {seen.megabytes:,.1f} MB")
    if seen.split is not None:
        print(f"a split: {seen.split[0]:,} train, {seen.split[1]:,} validation")
    if seen.classes:
        print(f"{len(seen.classes):,} class folders")
    for reason, number in seen.left.items():
        print(f"not used: {number:,}: {reason}")
    if seen.no_images:
        print(no_images_line(seen.no_images))


def _show_sample(sample: Sample, chosen: int) -> None:
    if (seen := sample.read + sample.unreadable.total()) < chosen:
        print(f"{seen} of {count(chosen, 'image')} were looked at: they take long")
    for reason, number in sample.unreadable.items():
        print(f"cannot be read, in the sample: {number:,}: {reason}")
    for name, found in sample.found.items():
        what = "not tried" if found.missing else f"found in {found.images} of {sample.read} images"
        if found.images and name not in sample.finding:
            what += ", and left out: add it to `detectors` if that matters"
        print(f"{name} ({found.entity}): {what}")


def _ask(options: argparse.Namespace, seen: Survey) -> None:
    """Ask for missing options on a terminal; otherwise, or with --yes or --json, use defaults."""
    if options.yes or options.json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    if options.system is None:
        asked = f"System, such as {SMALL} or function:module:encode [{SMALL}]: "
        options.system = _answer(asked) or None
    while options.label is None and seen.labels:
        there = ", ".join(seen.labels[:5])
        label = _answer(f"Column with labels, for accuracies (there is {there}) [none]: ")
        if label in ("", "none"):
            break
        options.label = label if label in seen.labels else None
    if seen.classes and not options.persons:
        asked = f"Is each of the {len(seen.classes):,} class folders a person (yes or no) [no]: "
        options.persons = _answer(asked).lower() in {"y", "yes"}
    while options.minutes is None:
        answer = _answer(f"Minutes that the first experiment may take [{_MINUTES:g}]: ")
        try:
            options.minutes = _minutes(answer or str(_MINUTES))
        except argparse.ArgumentTypeError as error:
            print(f"{answer}: {error}")


def _answer(question: str) -> str:
    """Answer on the terminal; empty, which takes the default, after Ctrl-D."""
    try:
        return input(question).strip()
    except EOFError:
        print()
        return ""
