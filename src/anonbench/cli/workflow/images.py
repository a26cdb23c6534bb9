"""`anonbench images export`: numbered anonymized images for publication."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from anonbench.cli.shared import (
    DONE,
    DOUBTFUL,
    OF_RUN,
    RUN_DEFAULTS,
    add_command,
    read_config,
    workflow_of,
)
from anonbench.cli.workflow import policy
from anonbench.core.errors import InputError
from anonbench.core.wording import count

if TYPE_CHECKING:
    from anonbench.config import Config
    from anonbench.core.vocabulary import Variant

_NAMED = """\
Names of files and folders are those of your originals: for yourself, not to be passed on. Suffixes
and formats are those of the image sets. To anonymize a folder file by file, in its own formats:
anonbench anonymize."""
_NOTE = """\
Images are numbered in the order of their ids, classes in the order of their labels, as in report
and bundle: anyone with such a list knows which is which. Only regions that were found are
hidden: look at a sample before you pass them on."""

_MANUAL = f"""\
images export: write numbered copies of anonymized images into a folder or tar
Writes <variant>/<number>.png of each variant and images.csv (number, split, class), without any
file name. Every image is compared with its digest.

dataset  its name in the config
variant...  method and degree, such as mask-100
{OF_RUN}
--key FILE  also write a CSV with each image's number and id, readable only by you
--names  keep paths and labels, for your own use: do not pass these files on
--accept-unhidden N  export although N images may be unhidden; the refusal prints N

The exit status is 3 if images are missing from the output or may show what should be hidden, or if
a variant fails the policy or is not known to pass it.

Examples:
  anonbench images export archive mask-100 -o passed-on.tar --configfile archive.yaml
  anonbench images export archive mask-100 -o mine --names --configfile archive.yaml

What is passed on and what stays: docs/how-to/export.md."""


def add(commands: Any) -> None:
    """Add the command to the subparsers of `anonbench`."""
    images = commands.add_parser("images", help="export anonymized images to pass on")
    kinds = images.add_subparsers(required=True, metavar="action")
    add_command(kinds, _MANUAL, run, {"N": int}, accept_unhidden=0, **RUN_DEFAULTS)


def run(options: argparse.Namespace) -> int:
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
    request = (config, options.dataset, variants, options.output, options.key)
    if options.names and options.key:
        raise InputError("--key says which number is which image; --names leaves them their names")
    check_request(*request)
    _require_current(options, [str(variant) for variant in variants])
    verdicts, passes = _verdicts(config, options, variants)
    done = export_images(*request, options.accept_unhidden, options.names)
    sets = " and ".join(map(str, variants))
    print(f"wrote {options.output}: {done.images:,} images as {sets}, {done.megabytes:,.1f} MB")
    if "train" not in done.splits:
        print("of the split val alone: nothing in this config needs anonymized train images")
    print(f"that may show what should be hidden: {done.unhidden}")
    if done.left_out:
        print(f"not among them: {count(done.left_out, 'image')} without a region, or unreadable")
    if visible := [str(variant) for variant in variants if variant.degree < 100]:
        print(f"regions are visible, because of the degree: {' and '.join(visible)}")
    print(verdicts)
    if options.key:
        print(f"wrote {options.key}: which number is which image; do not pass it on")
    print(f"\n{_NAMED if options.names else _NOTE}", file=sys.stderr)
    may_show = done.unhidden.total or done.unhidden.doubtful or visible
    return DOUBTFUL if may_show or done.left_out or not passes else DONE


def _verdicts(
    config: Config, options: argparse.Namespace, variants: Sequence[Variant]
) -> tuple[str, bool]:
    """What the results say about the policy, and whether all variants pass it."""
    from anonbench.evaluation.policy.verdicts import Verdict, judge, standings

    name, file = options.dataset, config.results / options.dataset / policy.FILE
    given = f"--configfile {shlex.quote(str(options.configfile))}"
    if not file.is_file():
        return f"policy: not judged; anonbench run {name}_policy {given} judges", False
    found = standings(judge(policy.read(file), config.policy))
    verdicts = [found.get((name, str(v.method), v.degree), "not judged") for v in variants]
    said = map("{} {}".format, variants, verdicts)
    told = policy.outdated([f"{name}_policy", *workflow_of(options)])
    line = f"policy: {', '.join(said)} (why: anonbench policy check {given})"
    passes = not told and set(verdicts) == {Verdict.PASS}
    return f"{line}\n{told}" if told else line, passes


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
            f"config and the data say: anonbench run {command} (and why: "
            f"anonbench plan {command})"
        )
