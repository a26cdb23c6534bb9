"""Order in which the images of an archive are anonymized, whole clusters at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.core.errors import InputError
from anonbench.core.numeric.seeding import hash_ints


class AnonymizingOrder:
    """Order in which the images of an archive are anonymized.

    The images of a cluster (a person, a case) are anonymized together, when the first of them is
    due. A larger share anonymizes the images of a smaller share and more.
    """

    def __init__(
        self, ids: Sequence[str], clusters: np.ndarray, values: pd.Series | None, *seed: object
    ) -> None:
        """Order the clusters by a label, lowest first, or at random.

        Args:
            ids: of the images, sorted [N].
            clusters: label of each image's cluster [N].
            values: label of each image [N], such as its year: compared as numbers if all are
                numbers, else as text. Clusters without a label come last; clusters with equal
                labels are ordered at random. None: all clusters are ordered at random.
            seed: what the random order depends on, with the ids.

        """
        table = pd.DataFrame({"cluster": clusters, "id": np.asarray(ids, dtype=object)})
        table["value"] = 0.0 if values is None else _ranks(values).to_numpy()
        # a cluster's number depends on the other images of the data set, its first id does not
        found = table.groupby("cluster").agg(
            id=("id", "min"), value=("value", "min"), images=("id", "size")
        )
        found["draw"] = hash_ints(("anonymized first", *seed), found["id"])
        found = found.sort_values(["value", "draw", "id"])
        self._ends = np.append(0, found["images"].cumsum().to_numpy())
        places = pd.Series(np.arange(len(found)), index=found.index)
        self._places = places.loc[clusters].to_numpy()

    def anonymized(self, share: int) -> np.ndarray:
        """Mask of anonymized images, bool [N]: whole clusters, as close to the share as possible.

        Args:
            share: percent of the images.

        """
        images = int(self._ends[-1])
        count = int(np.argmin(np.abs(100 * self._ends - share * images)))
        return np.asarray(self._places < count)


def read_labels(dataset: str, manifest: Path, column: str) -> pd.Series:
    """Read a label for each image, by id.

    Raises:
        InputError: the manifest has no such column.

    """
    found = pd.read_parquet(manifest).set_index("id")
    if column not in found:
        raise InputError(
            f"datasets.{dataset}.anonymized_first: the manifest has no column {column!r}; it has "
            f"{', '.join(map(str, found.columns))}"
        )
    return found[column]


def _ranks(values: pd.Series) -> pd.Series:
    """Sortable ranks of values, float64; missing values come last."""
    known = values.notna() & (values.astype("str").str.strip() != "")
    numbers = pd.to_numeric(values.where(known), errors="coerce")
    if numbers[known].isna().any():
        text = values.astype("str").str.strip()
        numbers = text.where(known).rank(method="dense")
    return numbers.astype(np.float64).fillna(np.inf)
