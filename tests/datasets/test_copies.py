"""Images of the same bytes."""

from __future__ import annotations

import logging

import pandas as pd
import pytest

from anonbench.datasets.manifest import COPY_COLUMNS, find_copies, warn_of_copies

IMAGES = pd.DataFrame(
    [
        ("a", "train", "1"),
        ("b", "val", "1"),
        ("c", "train", "2"),
        ("d", "train", "2"),
        ("e", "val", "3"),
        ("f", "val", "3"),
        ("g", "train", "1"),
        ("h", "val", "4"),
    ],
    columns=["id", "split", "digest"],
)


def test_val_stays_and_copies_within_a_split_do_too() -> None:
    copies = find_copies(IMAGES)
    assert copies.columns.tolist() == COPY_COLUMNS
    rows = [tuple(row) for row in copies.itertuples(index=False)]
    assert rows == [
        ("1", "a", "train", False),
        ("1", "g", "train", False),
        ("1", "b", "val", True),
        ("2", "c", "train", True),
        ("2", "d", "train", True),
        ("3", "e", "val", True),
        ("3", "f", "val", True),
    ]


def test_they_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    labels = pd.Series(["x", "y", "x", "x", "x", "z", "x", "x"], index=IMAGES["id"])
    with caplog.at_level(logging.WARNING):
        warn_of_copies("d", find_copies(IMAGES), labels)
        warn_of_copies("d", find_copies(IMAGES.head(1)), labels)
    (record,) = caplog.records
    assert getattr(record, "loud", False)
    assert record.message == (
        "d: 7 files hold 3 images (equal bytes); 2 of them left out of train, because val has "
        "them; 2 of these images have two labels; see duplicates.csv"
    )
