"""Number of images of a bundle's data sets."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from anonbench.config import Config
from anonbench.core.errors import InputError
from anonbench.core.jobs.checksums import listed_files, verify_against
from anonbench.core.vocabulary import Split


def image_counts(config: Config) -> dict[str, dict[Split, int]]:
    """Number of images of each data set by split, read from the bundle's counts.

    Raises:
        InputError: the metadata or a data set's counts are missing from the bundle or damaged.
    """
    paths = {name: config.results / name / "counts.csv" for name in config.enabled}
    if config.bundle:
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
