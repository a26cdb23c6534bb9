from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from anonbench.config import Dataset, Layout
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Split
from anonbench.datasets.layouts.standin import FULL_SIZE, TABLE_NAME, write_standin
from anonbench.datasets.listing import count_images, list_images

Make = Callable[..., Dataset]


@pytest.mark.parametrize("layout", list(FULL_SIZE))
def test_stand_ins_are_listed_like_the_real_thing(
    tmp_path: Path, dataset: Make, layout: Layout
) -> None:
    write_standin(layout, tmp_path, 60, 20, 10)
    path = tmp_path / TABLE_NAME if layout is Layout.TABLE else tmp_path
    label = {Layout.CELEBA: "Male", Layout.RVL_CDIP: "class", Layout.TABLE: None}[layout]
    listing = list_images("s", dataset(layout, path, label=label), 0)
    assert count_images(listing) == {Split.TRAIN: 60, Split.VAL: 20}
    assert label is None or listing[label].nunique() == (2 if layout is Layout.CELEBA else 16)
    if layout is Layout.CELEBA:
        assert len([c for c in listing if listing[c].dtype == "int8"]) == 40


@pytest.mark.slow
def test_full_size_is_as_published(tmp_path: Path, dataset: Make) -> None:
    write_standin(Layout.CELEBA, tmp_path, *FULL_SIZE[Layout.CELEBA])
    lines = (tmp_path / "list_attr_celeba.txt").read_text().splitlines()
    assert lines[0] == "202599" and len(lines) == 202_601
    listing = list_images("s", dataset("celeba", tmp_path), 0, labels=False)
    assert count_images(listing) == {Split.TRAIN: 162_770, Split.VAL: 19_867}
    assert sum(FULL_SIZE[Layout.RVL_CDIP]) == 400_000


def test_a_folder_has_no_stand_in(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no stand-in for the layout folder"):
        write_standin(Layout.FOLDER, tmp_path, 1, 1, 1)
