"""Clusters: from a column, a folder or by what the data set has; numbers that name nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from small_sets import dataset, written

from anonbench.config import AUTO, NONE, PathPart
from anonbench.core.errors import InputError
from anonbench.core.io import write_parquet
from anonbench.datasets.clusters import (
    COLUMNS,
    KEY,
    assign,
    clusters_of,
    read_clusters,
    read_people,
    write_clusters,
)
from anonbench.datasets.listing import list_images


def images(**labels: list[Any]) -> pd.DataFrame:
    count = len(next(iter(labels.values())))
    ids = [f"image-{number}" for number in range(count)]
    paths = [f"val/{'ab'[number % 2]}/{image_id}.png" for number, image_id in enumerate(ids)]
    return pd.DataFrame({"id": ids, "path": paths, "split": "val"} | labels)


@pytest.mark.parametrize(
    ("people", "cluster", "numbers", "by"),
    [
        ([7, 3, 7, 5], "person", [0, 1, 0, 2], "person"),
        (["nan", None, " ", "nan ", ""], "person", [0, 1, 2, 0, 3], "person"),  # none: its own
        ([1, 1, 2], NONE, [0, 1, 2], ""),
        ([1, 2, 3], PathPart(path_part=2), [0, 1, 0], "folder 2 of the path"),
        ([1, 2, 3], PathPart(path_part=-1), [0, 1, 0], "folder -1 of the path"),
        ([1, 2, 3], PathPart(path_part=1), [0, 0, 0], "folder 1 of the path"),
    ],
)
def test_a_column_or_folder_names_the_clusters(
    people: list[Any], cluster: str | PathPart, numbers: list[int], by: str
) -> None:
    table = assign("photos", images(person=people), cluster)
    assert list(table.columns) == COLUMNS
    assert table["cluster"].tolist() == numbers and set(table["by"]) == {by}


def test_folders_of_one_name_differ_where_the_folders_above_do() -> None:
    listed = images(person=[1, 2]).assign(path=["oslo/case1/a.png", "bergen/case1/a.png"])
    assert assign("scans", listed, PathPart(path_part=2))["cluster"].tolist() == [0, 1]
    absolute = listed.assign(path="/" + listed["path"])
    assert assign("scans", absolute, PathPart(path_part=1))["cluster"].tolist() == [0, 1]


def test_auto_takes_the_first_column_that_tells_images_apart() -> None:
    for labels, likely, by in (
        ({"class": [1, 2, 1], "identity": [1, 1, 2]}, [], "identity"),
        ({"class": [1, 2, 1], "person": [1, 1, 2]}, ["person"], "person"),
        ({"identity": [1, 2, 2], "family": [1, 1, 2]}, ["family", "identity"], "family"),
        ({"class": [1, 2, 1], "document": [4, 5, 6]}, [], "document"),
        ({"class": [1, 2, 1], "identity": [1, 1, 1]}, [], "class"),
        ({"class": [1, 2, 1], "identity": [None, None, None]}, [], "class"),
        ({"class": ["all", "all", "all"]}, [], ""),
        ({"Male": [0, 1, 0]}, ["identity"], ""),
    ):
        table = assign("photos", images(**labels), AUTO, likely)
        assert set(table["by"]) == {by}, labels


@pytest.mark.parametrize("labels", [True, False])
def test_bad_settings_are_refused_before_any_image_is_read(celeba: Path, labels: bool) -> None:
    with pytest.raises(InputError, match=r"datasets\.c\.cluster: there is no column 'identiy'; th"):
        list_images("c", dataset("celeba", celeba, cluster="identiy"), 0, labels)
    with pytest.raises(InputError, match=r"datasets\.c\.cluster: 7 paths have no folder 2"):
        list_images("c", dataset("celeba", celeba, cluster={"path_part": 2}), 0, labels)
    with pytest.raises(ValueError, match="folders are counted from 1, or from -1"):
        dataset("celeba", celeba, cluster={"path_part": 0})


def test_the_table_of_a_manifest(celeba: Path, tmp_path: Path) -> None:
    manifest, *_ = written(dataset("celeba", celeba), tmp_path)
    people, output = manifest.set_index("id")["identity"], tmp_path / "clusters.parquet"
    write_clusters("c", tmp_path / "m.parquet", AUTO, ["identity"], output)
    clusters = read_clusters(output)
    assert clusters.name == "identity"
    assert clusters.index.tolist() == people.index.tolist()
    assert clusters.tolist() == pd.factorize(people)[0].tolist()
    assert clusters.nunique() == 4
    assert clusters_of(pd.Series(["000007", "000001"]), clusters).tolist() == [3, 0]


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    listed, output = images(identity=[1, 2]), tmp_path / "clusters.parquet"
    with pytest.raises(InputError, match=r"photos\.cluster: the manifest has no column 'persn'"):
        assign("photos", listed, "persn")
    with pytest.raises(InputError, match="2 paths have no folder 3, such as 'val/"):
        assign("photos", listed, PathPart(path_part=3))
    write_parquet(assign("photos", listed, AUTO), output)
    with pytest.raises(InputError, match="1 images have scores and no cluster"):
        clusters_of(pd.Series(["image-1", "image-9"]), read_clusters(output))
    write_parquet(listed, output)
    with pytest.raises(InputError, match=r"clusters\.parquet is not a table of clusters"):
        read_clusters(output)


def test_no_person_is_named(celeba: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One went to train while others of the person were in val, and nothing was said."""
    lines = (celeba / "identity_CelebA.txt").read_text().splitlines()
    (celeba / "identity_CelebA.txt").write_text("\n".join(lines[:2] + lines[3:]) + "\n")
    written(dataset("celeba", celeba, split={"validation": 0.5, "by": "identity"}), tmp_path)
    manifest = tmp_path / "m.parquet"
    write_clusters("d", manifest, AUTO, ["identity"], tmp_path / "clusters.parquet")
    read_people(manifest, "identity", "privacy.identity")
    said = [each.message for each in caplog.records if getattr(each, "loud", False)]
    assert len(said) == 3
    for key, text in zip(("split.by", KEY, "privacy.identity"), said, strict=True):
        assert f": 1 image of 7 without identity ({key}), such as '000003'" in text
    caplog.clear()
    pages = images(document=["a", None], document_page=[1, None])
    pages.to_parquet(manifest)
    write_clusters("d", manifest, "document", [], tmp_path / "clusters.parquet")
    assert not [each for each in caplog.records if getattr(each, "loud", False)]
