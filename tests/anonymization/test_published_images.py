"""The audit file: what is published in each variant, and what is in doubt."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from anonbench.anonymization.published import COLUMNS, gather_audit, read_doubts
from anonbench.core.errors import InputError
from anonbench.core.io import write_json
from anonbench.datasets.image_sets.doubts import Doubts
from written_counts import write


def audit(folder: Path, images: int = 9) -> Path:
    rows = [("train", 13, 1, 1, 2, 9, 0, 1, 2), ("val", 8, 0, 0, 1, 7, 0, 0, 1)]
    write(folder, rows)
    copies = {"digest": ["x", "x"], "id": ["a", "b"], "split": ["train"] * 2, "kept": [True, False]}
    pd.DataFrame(copies).to_csv(folder / "duplicates.csv", index=False)
    shards = []
    for split, sizes in (("train", (4, images - 4)), ("val", (7,))):
        for variant in ("blur-50", "mask-100"):
            files = [folder / f"{split}-{variant}-{n}.json" for n in range(len(sizes))]
            for file, size in zip(files, sizes, strict=True):
                found = {"images": size, "regions": 2 * size, "hidden_pixels": 50, "failed": 0}
                found["outside_image"] = size
                write_json(file, found | {"whatever": "else"})
            shards.append((split, variant, files))
    tables = [folder / f"{name}.csv" for name in ("counts", "duplicates")]
    gather_audit(*tables, shards, folder / "audit.csv")
    return folder / "audit.csv"


def test_every_variant_and_every_doubt_is_counted(tmp_path: Path) -> None:
    table = pd.read_csv(audit(tmp_path))
    assert table.columns.tolist() == COLUMNS
    counted = ["split", "variant", "images", "regions", "outside_image", "hidden_pixels"]
    assert table[counted].to_numpy().tolist() == [
        ["train", "blur-50", 9, 18, 9, 100],
        ["train", "mask-100", 9, 18, 9, 100],
        ["val", "blur-50", 7, 14, 7, 50],
        ["val", "mask-100", 7, 14, 7, 50],
    ]
    assert table["left_out_duplicates"].tolist() == [1, 1, 0, 0]
    assert table["failed_detector"].tolist() == [1, 1, 0, 0] and not table["failed_audits"].any()
    assert read_doubts(tmp_path / "audit.csv") == Doubts(3, 1, 0, 1, 3)


def test_an_image_more_than_detection_left_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"blur-50, split 'train', has 10 images, .* left 9"):
        audit(tmp_path, images=10)
    assert not (tmp_path / "audit.csv").exists()


def test_results_of_an_earlier_version_are_refused(tmp_path: Path) -> None:
    file = audit(tmp_path)
    pd.read_csv(file).drop(columns="used_doubtful").to_csv(file, index=False)
    with pytest.raises(InputError, match=r"audit\.csv: column 'used_doubtful' is missing"):
        read_doubts(file)
