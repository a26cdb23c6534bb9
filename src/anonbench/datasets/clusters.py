"""Clusters of a data set: images that are not independent, such as photos of one person.

They follow from the manifest's label columns and paths, and are stored in a separate table: another
choice of clusters changes intervals, but no image, model or score.

Source: Cameron and Miller, "A Practitioner's Guide to Cluster-Robust Inference", J. Human Resources
2015, 50:317-372; section IV on which grouping to choose.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from pyarrow.parquet import read_schema

from anonbench.config import AUTO, NONE, PathPart
from anonbench.core.errors import InputError
from anonbench.core.io import write_parquet
from anonbench.core.jobs.job import warn_on_terminal
from anonbench.core.vocabulary import Split
from anonbench.core.wording import count
from anonbench.datasets.documents import DOCUMENT, PAGE
from anonbench.datasets.source import problem

COLUMNS = ["id", "cluster", "by"]
"""Columns of the table, one row an image: `cluster` (int64) is a number that the images of a
cluster share, `by` the property that defines it: a column's name, `folder 1 of the path`, or the
empty string if every image is its own cluster."""
_PLURALS = {"identity": "persons", "case": "cases", "document": "documents"}
_PLURALS |= {"template": "templates", "class": "classes"}
LIKELY = tuple(_PLURALS)  # columns that define clusters without a setting, the finest first
KEY = "cluster"

_LOG = logging.getLogger(__name__)


def assign(
    name: str, images: pd.DataFrame, cluster: str | PathPart, likely: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the cluster of each image, columns `COLUMNS`, in the order of the images.

    An image without a value in the column is its own cluster. `likely` are columns tried before
    `LIKELY` for the setting `auto`. InputError: there is no such column, or folder in a path.
    """
    by, values = _values(name, images, cluster, likely)
    # values are stripped: none begins with a control character
    keys = values.where(values.notna(), "\x1e" + images["id"])
    numbers = pd.factorize(keys)[0].astype(np.int64)
    return pd.DataFrame({"id": images["id"].astype("str"), "cluster": numbers, "by": by})


def write_clusters(
    name: str, manifest: Path, cluster: str | PathPart, likely: Sequence[str], output: Path
) -> None:
    """Write the clusters of a manifest's images as Parquet, columns `COLUMNS`; see `assign`."""
    images = pd.read_parquet(manifest)
    table = assign(name, images, cluster, likely)
    write_parquet(table, output)
    warn_of_unnamed(name, KEY, images, str(table["by"].iloc[0]))
    shown = table[(images["split"] == str(Split.VAL)).to_numpy()]
    number, by = shown["cluster"].nunique(), shown["by"].iloc[0] or "every image for itself"
    _LOG.info("%s: %d validation images in %d clusters (%s)", name, len(shown), number, by)


def warn_of_unnamed(name: str, key: str, images: pd.DataFrame, column: str) -> None:
    """Warn on the terminal about images without a value in the column that groups them.

    `key` is the setting that names the column. Nothing is said without such a column, or where only
    pages have a value (`DOCUMENT`).
    """
    if column not in images or (column == DOCUMENT and PAGE in images):
        return
    missing = _text(images[column]).isna()
    if missing.any():
        warn_on_terminal(
            _LOG,
            f"{name}: {count(int(missing.sum()), 'image')} of {len(images):,} without {column} "
            f"({key}), such as {images['id'][missing].iloc[0]!r}: such an image is not kept or "
            "counted together with others of the same; complete the data, or leave it out",
        )


def read_clusters(path: Path) -> pd.Series:
    """Return the cluster of each image by id, int64; the series' name is the table's `by`."""
    try:
        table = pd.read_parquet(path, columns=COLUMNS)
    except (ValueError, OSError) as error:
        raise InputError(f"{path} is not a table of clusters: {error}") from None
    by = str(table["by"].iloc[0]) if len(table) else ""
    return table.set_index("id")["cluster"].rename(by)


def plural(by: str) -> str:
    """Plural noun for clusters that a column or rule defines (`COLUMNS`)."""
    return _PLURALS.get(by, f"clusters ({by})") if by else "images"


def clusters_of(ids: pd.Series, clusters: pd.Series) -> np.ndarray:
    """Clusters of images, int64 [N], from `read_clusters`; InputError for an image without one."""
    places = clusters.index.get_indexer(pd.Index(ids.to_numpy()))
    if missing := int(np.count_nonzero(places < 0)):
        raise InputError(
            f"{missing:,} images have scores and no cluster: the scores were made from other data; "
            "run the workflow again"
        )
    return clusters.to_numpy(np.int64)[places]


def folders(name: str, paths: pd.Series, part: int) -> pd.Series:
    """Folder of each path, with those above it; InputError where a path has no such folder."""
    above = paths.map(lambda path: path.strip("/").split("/")[:-1])
    shallow = paths[above.map(len) < abs(part)].unique()
    if len(shallow):
        text = f"{len(shallow):,} paths have no folder {part}, such as {shallow[0]!r}"
        raise problem(name, f"{text}; name another folder, or a column", KEY)
    end = part if part > 0 else part + 1 or None
    return above.map(lambda folders: "/".join(folders[:end])).astype("str")


def _values(
    name: str, images: pd.DataFrame, cluster: str | PathPart, likely: Sequence[str]
) -> tuple[str, pd.Series]:
    """Name of the property that defines clusters, and its value per image or a missing value."""
    if isinstance(cluster, PathPart):
        part = cluster.path_part
        return f"folder {part} of the path", folders(name, images["path"], part)
    if cluster == NONE:
        return "", images["id"]
    if cluster != AUTO:
        if cluster not in images:
            raise problem(name, f"the manifest has no column {cluster!r}", KEY)
        return cluster, _text(images[cluster])
    for column in (*likely, *LIKELY):
        if column in images and (values := _text(images[column])).nunique() > 1:
            return column, values
    return "", images["id"]


def _text(values: pd.Series) -> pd.Series:
    text = values.astype("str").str.strip()
    return text.where(values.notna() & (text != ""))


def read_people(manifest: Path, column: str, key: str = "") -> dict[str, str]:
    """Person of each image by id, from a manifest column; empty without such a column.

    With the setting `key` that names the column, a warning tells of images without a person.
    """
    if column not in read_schema(manifest).names:
        return {}
    images = pd.read_parquet(manifest, columns=["id", column])
    if key:
        warn_of_unnamed(manifest.parent.name, key, images, column)
    known = _text(images.set_index("id")[column]).dropna()
    return {str(image_id): person for image_id, person in known.items()}
