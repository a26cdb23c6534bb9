"""Summary of images that may show what should be hidden."""

from __future__ import annotations

from pathlib import Path

from anonbench.datasets.image_sets.doubts import Doubts, doubts_of_run, read_doubts
from written_counts import write


def test_what_is_left_out_is_counted_over_splits(tmp_path: Path) -> None:
    rows = [("train", 100, 3, 2, 10, 85, 0, 0, 0), ("val", 20, 0, 0, 2, 18, 0, 0, 0)]
    write(tmp_path, rows)
    found = read_doubts(tmp_path / "counts.csv")
    said = "12 images without a region and 2 with a failed detector are left out"
    assert found == Doubts(12, 2) and found.summary() == said
    assert not Doubts() and not Doubts().summary()


def test_what_is_published_is_said_first_and_loudest(tmp_path: Path) -> None:
    rows = [("train", 100, 0, 0, 10, 100, 10, 1, 3), ("val", 20, 0, 0, 2, 20, 2, 0, 4)]
    write(tmp_path, rows)
    found = read_doubts(tmp_path / "counts.csv")
    assert found == Doubts(0, 0, 12, 1, 7)
    assert found.summary() == (
        "PUBLISHED UNHIDDEN: 12 images without a region are in every image set as in the original "
        "(keep_without_regions); PUBLISHED PARTLY HIDDEN: 1 image on which a detector failed is in "
        "every image set; what it would have found is visible (keep_failed); DOUBTFUL: 7 images "
        "to look at, as the detectors were not sure or were never measured on such images "
        "(`anonbench review` shows them first)"
    )


def test_a_run_tells_of_each_data_set_that_has_any(tmp_path: Path) -> None:
    write(tmp_path / "a", [("train", 9, 0, 1, 0, 8, 0, 0, 0), ("val", 8, 0, 0, 0, 8, 0, 0, 0)])
    write(tmp_path / "b", [("train", 9, 0, 0, 0, 9, 0, 0, 0), ("val", 8, 0, 0, 0, 8, 0, 0, 0)])
    (tmp_path / "old").mkdir()
    (tmp_path / "old/counts.csv").write_text("split,listed\ntrain,3\n")
    lines = doubts_of_run(tmp_path, dict.fromkeys(("a", "b", "old", "nowhere")))
    assert lines[0] == "a: 1 image with a failed detector is left out"
    assert [line.split(": ")[0] for line in lines] == ["a", "old"]
    assert lines[1].endswith("cannot be read: what is published in doubt is not known")
