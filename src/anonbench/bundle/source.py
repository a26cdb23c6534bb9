"""A bundle as the starting point of the workflow: its files, and the rules that may run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from anonbench.bundle.contents import START
from anonbench.config import Config
from anonbench.core.errors import InputError
from anonbench.core.jobs.bundled import listed_files
from anonbench.core.jobs.checksums import verify_against
from anonbench.core.vocabulary import Split

_AGAIN = re.compile(
    "scores|effects_.*|correlate|(privacy_|other_)?tables_.*|scenarios|experiment|paper_.*"
    "|figures_.*|fronts_.*|cost|attention_share|report"
)
"""Rules that need no image and no model: the only ones that run on a bundle."""


def remaining_rules(metadata: Path, rules: Iterable[tuple[str, Callable[[str], bool]]]) -> set[str]:
    """Names of the rules that may run on a bundle; none of them makes a file that it contains.

    Args:
        metadata: metadata file of the bundle.
        rules: names, and whether a path is among the rule's outputs.

    Raises:
        InputError: the metadata is missing or wrong.
    """
    listed = [file.path for file in listed_files(metadata)]
    carried = [path for path in listed if path.startswith(f"{START}/")]
    return {
        name
        for name, makes in rules
        if _AGAIN.fullmatch(name) and not any(makes(path) for path in carried)
    }


def image_counts(config: Config) -> dict[str, dict[Split, int]]:
    """Number of images of each data set by split, read from the bundle's counts.

    Raises:
        InputError: a data set's counts are missing from the bundle or damaged.
    """
    paths = {name: config.results / name / "counts.csv" for name in config.enabled}
    if config.bundle and config.bundle.is_file():
        listed = {config.bundle.parent / file.path: file for file in listed_files(config.bundle)}
        for path in paths.values():
            if path in listed and path.is_file():
                verify_against(path, listed[path].sha256, listed[path].size)
    return {name: _counts(path) for name, path in paths.items()}


def _counts(path: Path) -> dict[Split, int]:
    try:
        listed = pd.read_csv(path).set_index("split")["listed"]
    except FileNotFoundError:
        raise InputError(
            f"{path} is not in the bundle: it is of a run that had not come so far, and nothing "
            "can be made from it"
        ) from None
    return {split: int(listed[str(split)]) for split in Split}
