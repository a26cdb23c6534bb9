"""Neutral names for shared results: numbers for images and classes, no paths.

Report, tables, figures, bundle and exported images take their names from here, so that an image or
class has the same number in all of them. Inside the folder of results, ids are unchanged.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pandas as pd

from anonbench.config import Config
from anonbench.core.errors import InputError

WITHHELD = "withheld"  # replacement for a path in the config
_PLACE = re.compile(r"""(['"])[^'"{}]*/[^'"{}]*\1|[^\s'"={}:]*/[^\s'"{}]*""")
"""Paths and names with a slash in a command line or a model's name."""
DIGITS = 6  # least number of digits of an image's number


class Names:
    """Names of a data set's images and classes in shared results.

    An image's name is its place in the order of all ids of the manifest (``000012``), a class's its
    place in the order of all labels (``class 3``), padded with zeros. Anyone with the list of ids,
    or of labels, can reverse the names.
    """

    def __init__(self, ids: Sequence[str], labels: Sequence[str]) -> None:
        """Number the ids and labels given, in the order of their characters."""
        digits = max(DIGITS, len(str(len(ids))))
        self._ids = {name: f"{n:0{digits}d}" for n, name in enumerate(sorted(ids), start=1)}
        classes = sorted(set(labels))
        width = len(str(len(classes)))
        self._classes = {c: f"class {n:0{width}d}" for n, c in enumerate(classes, start=1)}

    @classmethod
    def of(cls, manifest: Path, label: str | None = None) -> Self:
        """Number a manifest's images, and the classes of its column `label`."""
        columns = ["id"] if label is None else ["id", label]
        try:
            table = pd.read_parquet(manifest, columns=columns)
        except FileNotFoundError:
            raise InputError(
                f"{manifest} is not there, and without it images cannot be numbered: make it "
                "(the target <data set>_manifest)"
            ) from None
        labels = [] if label is None else table[label].dropna().astype(str).unique().tolist()
        return cls(table["id"].astype(str).tolist(), labels)

    def images(self, ids: pd.Series, file: Path) -> pd.Series:
        """Return the numbers of images; InputError names the file of an unknown id."""
        return _named(ids.astype(str).fillna(""), self._ids, file, "images")

    def classes(self, labels: pd.Series, file: Path) -> pd.Series:
        """Return the neutral names of classes, compared as text; a missing label stays missing.

        InputError names the file of a label that is not in the manifest, but not the label.
        """
        return _named(labels, self._classes, file, "classes")


def _named(values: pd.Series, names: Mapping[str, str], file: Path, what: str) -> pd.Series:
    given, found = values.notna(), values.astype(str).map(names).astype("str")
    if unknown := int((found.isna() & given).sum()):
        raise InputError(
            f"{file}: {unknown:,} rows are of {what} that the manifest does not list: the file was "
            "made from other data; run the workflow again"
        )
    return found.where(given)


def without_places(config: Config) -> Config:
    """Return a config without paths: each of them becomes `withheld`.

    Data sets that are not enabled are left out.
    """
    values = _without_paths(config.model_dump())
    enabled = {name: values["datasets"][name] for name in config.enabled}
    systems = {name: _without_local(each) for name, each in values["systems"].items()}
    return Config.model_validate(values | {"datasets": enabled, "systems": systems})


def _without_local(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a system without the paths in its texts; `owner/name` of a hub stays."""

    def withheld(found: re.Match[str]) -> str:
        place = found[0].strip("'\"")
        is_hub = place[0] not in "/~." and place.count("/") == 1 and not Path(place).exists()
        return found[0] if is_hub else WITHHELD

    texts = {name: value for name, value in settings.items() if isinstance(value, str)}
    return {**settings, **{name: _PLACE.sub(withheld, text) for name, text in texts.items()}}


def _without_paths(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_paths(entry) for name, entry in value.items()}
    if not isinstance(value, Path):
        return value
    # the paths by variant are a part of the setting, and their absence is an error
    return WITHHELD + "/{variant}" if "{variant}" in value.name else WITHHELD


def without_paths(skipped: Path) -> pd.DataFrame:
    """Return the table of skipped files with split and reason only; paths may be people's names."""
    table = pd.read_csv(skipped, dtype=str, keep_default_na=False)
    return table.assign(path="").sort_values(["split", "reason"], ignore_index=True)
