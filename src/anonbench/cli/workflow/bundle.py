"""`anonbench bundle` and `verify`: results for publication, and a check of their files."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anonbench.cli.shared import (
    OF_RUN,
    RUN_DEFAULTS,
    add_command,
    first_of,
    read_config,
    tell,
    workflow_of,
)
from anonbench.core.errors import InputError
from anonbench.core.wording import count
from anonbench.datasets.walk import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anonbench.bundle.verify import Verified
    from anonbench.bundle.write import Written
    from anonbench.config import Config

_LISTED = 10  # missing files that are printed; the bundle's README lists all
_NAMED = 3  # outdated jobs and changed files that are named
_SHOWN = 40  # differences that are printed

_MANUAL = f"""\
bundle: pack results without images, for reviewers
Writes the scores of single queries, boxes, config, environment and published tables of a run into a
folder or tar, with RO-Crate metadata. Never images.

{OF_RUN}
--keep-ids  keep the ids of images and the labels of classes (possibly names of files and persons)
  instead of numbering them
--author NAME...  for the metadata; may be repeated
--licence NAME  SPDX identifier or address, for the metadata
--repository ADDRESS  where others find the code, for README and metadata (the address of your
  clone's origin is not used, because it may name a machine)
--date YYYY-MM-DD  date of publication (the day of the newest result)
--json  print JSON

Examples:
  anonbench bundle --configfile archive.yaml -o bundle.tar
  anonbench bundle -o bundle --repository https://example.org/our-clone

What is in it, and what it reveals about the images: docs/how-to/bundle.md."""
_VERIFY = """\
verify: check the files of a bundle
Compares every file of a bundle with its digest in the metadata, and files that the workflow made in
the bundle's folder with the published ones.

bundle  the bundle's folder or tar
--json  print JSON instead of lines

The exit status is 0 if everything is as published, else 1.

Examples:
  anonbench verify bundle.tar
  anonbench verify bundle.tar --json > verified.json

More: docs/how-to/bundle.md."""


def add(commands: Any) -> None:
    """Add both commands to the subparsers of `anonbench`."""
    defaults = {"author": [], "licence": "", "repository": "", "date": "", **RUN_DEFAULTS}
    add_command(commands, _MANUAL, run, **defaults)
    add_command(commands, _VERIFY, run_verify, {"bundle": Path})


def run(options: argparse.Namespace) -> None:
    """Write the bundle; print missing files and a warning for anyone who passes it on."""
    if options.date and not _is_day(options.date):
        raise InputError(f"--date {options.date}: write a day as YYYY-MM-DD")
    if options.repository and not re.fullmatch(r"https?://\S+", options.repository):
        raise InputError(f"--repository {options.repository}: give an address with https://")
    config = read_config(options.configfile)
    _require_current(config, options)

    from anonbench.bundle.crate import warning
    from anonbench.bundle.write import write_bundle

    here = options.root != Path()
    written = write_bundle(
        config,
        options.root if here else Path(workflow_of(options)[1]).parent,
        options.output,
        keep_ids=options.keep_ids,
        date=options.date,
        authors=options.author,
        licence=options.licence,
        repository=options.repository,
    )
    told = {"bundle": str(options.output)} | asdict(written)
    tell(options, told, _as_text(options, written))
    print(f"\n{warning(options.keep_ids)}", file=sys.stderr)


def _require_current(config: Config, options: argparse.Namespace) -> None:
    """Raise InputError if results are outdated; those that are missing may be made later."""
    from anonbench.core.jobs.checksums import verify
    from anonbench.workflow.planned_jobs import collect

    given = workflow_of(options)
    try:
        plan = collect(given)
    except InputError as error:  # the images or Snakemake's records are elsewhere
        print(f"whether the results are of this config is not known: {error}\n", file=sys.stderr)
        return
    if not (old := plan.outdated):
        return
    for path in (path for job in plan.jobs for path in job.results if path.is_file()):
        verify(path)  # names a result that was changed by hand
    first = [job for job in old if not {*job.before} & {*old}]
    since = min(path.stat().st_mtime for job in first for path in job.results)
    changed = [shown(str(f)) for f in _data(config) if not f.exists() or f.stat().st_mtime > since]
    more = f" and {len(changed) - _NAMED:,} more" if len(changed) > _NAMED else ""
    files = f"; changed since: {', '.join(changed[:_NAMED])}{more}" if changed else ""
    raise InputError(
        f"the results of {count(len(old), 'job')} are not what the config, the data and the code "
        f"say (the first: {', '.join(job.label for job in first[:_NAMED])}{files}): run the "
        "workflow, or put back what was changed, or name the config that it ran with (which and "
        f"why: snakemake -n {shlex.join(given)})"
    )


def _data(config: Config) -> Iterator[Path]:
    """Yield the images of a run, and the files that its data sets name."""
    import pandas as pd

    from anonbench.datasets.listing import root_of

    for name, dataset in config.enabled.items():
        named = (dataset.boxes, dataset.corrections, dataset.truth)
        yield from (path for path in named if path)
        if (manifest := config.results / name / "manifest.parquet").is_file():
            paths = pd.read_parquet(manifest, columns=["path"])["path"].unique()
            yield from (root_of(dataset) / path for path in paths)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _as_text(options: argparse.Namespace, written: Written) -> str:
    lines = [f"wrote {options.output}: {written.files:,} files, {written.megabytes:,.1f} MB"]
    if written.missing:
        missing = len(written.missing)
        lines.append(f"the run was not finished; {missing:,} files that it would have are missing:")
        lines += first_of(written.missing, _LISTED, " (see the bundle's README.md)")
    if written.commit and not options.repository:
        lines.append(
            "it names the code's commit and no repository; --repository ADDRESS says where it is"
        )
    lines.append(f"check it: {shlex.join(['anonbench', 'verify', str(options.output)])}")
    return "\n".join(lines)


def run_verify(options: argparse.Namespace) -> None:
    """Check the bundle and print the result; InputError if a file is not as published."""
    from anonbench.bundle.crate import require_bundle

    require_bundle(options.bundle)  # before what takes a second to import

    from anonbench.bundle.verify import verify

    found = verify(options.bundle)
    values = asdict(found) | {"as_published": not found.differences}
    tell(options, values, _verified_text(found))
    if wrong := len(found.differences):
        raise InputError(f"{options.bundle} is not as published: {count(wrong, 'difference')}")


def _verified_text(found: Verified) -> str:
    shown = [f"{found.files - len(found.wrong):,} of {found.files:,} files are as listed"]
    if found.made_here:
        same = found.compared - len(found.changed)
        shown.append(
            f"{found.made_here:,} files are not listed: made by running the workflow here; "
            f"{same:,} of {found.compared:,} that the run had made have its bytes"
        )
    if lines := found.differences:
        return "\n".join([*shown, "not as published:", *first_of(lines, _SHOWN)])
    return "\n".join([*shown, "everything is as published"])
