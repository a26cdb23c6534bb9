"""What a bundle leaves out of the files that it carries: images' names, and places on a disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from anonbench.config import Config
from anonbench.errors import InputError

WITHHELD = "withheld"
"""Stands where the config had a path."""


class Numbers:
    """Images' ids as a bundle has them: numbers in the order of the ids, or the ids themselves.

    Ties are broken by id, and intervals are drawn over queries in the order of their ids; both
    stay as they were, because the numbers have the same order.
    """

    def __init__(self, numbers: Mapping[str, str] | None) -> None:
        self._numbers = numbers

    @classmethod
    def of(cls, manifest: Path, keep: bool) -> Numbers:
        """Number the images of a data set.

        Raises:
            InputError: the manifest is not there, so that nobody knows which ids there are.

        """
        if keep:
            return cls(None)
        if not manifest.is_file():
            raise InputError(
                f"{manifest} is not there, and without it images cannot be numbered: make it "
                "(the target <data set>_manifest), or pass --keep-ids if ids are no secret"
            )
        ids = sorted(pd.read_parquet(manifest, columns=["id"])["id"].astype(str))
        width = len(str(len(ids)))
        return cls({each: f"{number:0{width}d}" for number, each in enumerate(ids, start=1)})

    def __call__(self, ids: pd.Series, file: Path) -> pd.Series:
        """Return the numbers of ids.

        Raises:
            InputError: an id is not in the manifest; the file is named, and the id is not.

        """
        if self._numbers is None:
            return ids
        found = ids.astype(str).map(self._numbers)
        if unknown := int(found.isna().sum()):
            raise InputError(
                f"{file}: {unknown} rows are of images that the manifest does not list: the file "
                "was made from other data; run the workflow again, then bundle"
            )
        return found.astype("str")


def neutral(config: Config) -> dict[str, Any]:
    """Return a config as plain data for a bundle: every default filled in, no place of a machine.

    Data sets that are not enabled are left out, and what shows images is switched off.
    """
    from anonbench.bundle.contents import START
    from anonbench.bundle.crate import METADATA

    values: dict[str, Any] = _without_paths(config.model_dump())
    plain: dict[str, Any] = Config.model_validate(
        values
        | {
            "datasets": {name: values["datasets"][name] for name in config.enabled},
            "results": START,
            "bundle": METADATA,
            "presentation": config.presentation.model_dump()
            | {"show_originals": False, "explorer_queries": 0},
        }
    ).model_dump(mode="json")
    return plain


def _without_paths(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_paths(entry) for name, entry in value.items()}
    return WITHHELD if isinstance(value, Path) else value


def without_places(skipped: Path) -> pd.DataFrame:
    """Return the table of skipped files with the reasons alone; paths may be people's names."""
    table = pd.read_csv(skipped, dtype=str, keep_default_na=False)
    return table.assign(path="").sort_values(["split", "reason"], ignore_index=True)
