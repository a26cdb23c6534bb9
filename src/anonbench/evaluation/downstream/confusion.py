"""Confusion matrix: predicted against true classes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd


def confusion(
    labels: np.ndarray, predictions: Mapping[str, np.ndarray], classes: np.ndarray
) -> pd.DataFrame:
    """Count images by true and predicted class, in long form.

    Args:
        labels: true classes [M].
        predictions: by classifier, the predicted classes [M].
        classes: those that could be predicted; they appear whether they occur or not.

    Returns:
        Columns label, predicted and one of counts for each classifier, sorted by both classes. A
        pair that no classifier made is left out, as a thousand classes have a million of them;
        every class is there at least as the pair with itself.

    """
    alone = np.union1d(classes, labels)
    columns = ["label", "predicted"]
    table = pd.DataFrame({"label": alone, "predicted": alone})
    for name, found in predictions.items():
        made = pd.DataFrame({"label": labels, "predicted": found}).value_counts(sort=False)
        table = table.merge(made.rename(name).reset_index(), how="outer", on=columns)
    counts = dict.fromkeys(predictions, 0)
    return table.fillna(counts).astype(dict.fromkeys(predictions, "int64")).sort_values(columns)
