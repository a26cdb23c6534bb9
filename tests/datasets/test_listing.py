"""Splits, subsets, clusters and what is common to all layouts."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError
from small_sets import dataset, written

from anonbench.config import AUTO, NONE, PathPart
from anonbench.core.errors import InputError
from anonbench.core.io import write_parquet
from anonbench.core.vocabulary import Split
from anonbench.datasets import clusters as clustered
from anonbench.datasets.listing import count_images, list_images, require_apart


def table(folder: Path, ids: list[str], **columns: list[object]) -> Path:
    frame = pd.DataFrame({"path": [f"{i}.png" for i in ids]} | columns)
    frame.to_csv(folder / "t.csv", index=False)
    return folder / "t.csv"


def split_of(listing: pd.DataFrame) -> dict[str, str]:
    return dict(zip(listing["id"], listing["split"], strict=True))


def test_own_split_has_the_exact_share_and_keeps_groups_together(tmp_path: Path) -> None:
    ids = [f"{i:04d}" for i in range(1000)]
    settings = dataset("table", table(tmp_path, ids), split={"validation": 0.25})
    first = list_images("t", settings, 0)  # no image is there to be opened
    assert count_images(first) == {Split.TRAIN: 750, Split.VAL: 250}
    table(tmp_path, ids[::-1])
    before = split_of(list_images("t", settings, 0))
    assert before == split_of(first)
    assert split_of(list_images("t", settings, 1)) != before
    table(tmp_path, [*ids, "new"])
    after = split_of(list_images("t", settings, 0))
    assert sum(before[i] != after[i] for i in ids) <= 1
    ids = [f"{i:04d}" for i in range(500)]
    people = [i // 7 if i % 50 else None for i in range(500)]
    file = table(tmp_path, ids, person=people)
    settings = dataset("table", file, split={"validation": 0.2, "by": "person"})
    listing = list_images("t", settings, 0)
    assert (listing.groupby("person")["split"].nunique() == 1).all()
    assert abs((listing["split"] == "val").mean() - 0.2) <= 7 / 500
    assert listing["split"][listing["person"].isna()].nunique() == 2  # one by one
    cheap = list_images("t", settings, 0, labels=False)
    pd.testing.assert_frame_equal(cheap, listing[["id", "path", "split"]])
    table(tmp_path, ids, person=[f"{i // 7}{' ' * (i % 2)}" for i in range(500)])
    listing = list_images("t", settings, 0)  # as for clusters, blanks around a name are no name
    assert (listing.groupby(listing["person"].str.strip())["split"].nunique() == 1).all()


def test_subset_is_drawn_before_the_split_and_is_stable(tmp_path: Path) -> None:
    ids = [f"{i:04d}" for i in range(400)]
    splits: list[object] = ["train", "val"] * 200
    settings = dataset("table", table(tmp_path, ids, split=splits), subset=100)
    listing = list_images("t", settings, 0)
    assert len(listing) == 100 and listing["id"].is_monotonic_increasing
    official = dict(zip(ids, splits, strict=True))
    assert split_of(listing) == {i: official[i] for i in listing["id"]}
    table(tmp_path, [*ids, "new"], split=[*splits, "val"])
    grown = list_images("t", settings, 0)
    assert len(set(listing["id"]) - set(grown["id"])) <= 1
    smaller = list_images("t", dataset("table", settings.path, subset=50), 0)
    assert set(smaller["id"]) < set(grown["id"])
    own = dataset("table", settings.path, subset=100, split={"validation": 0.1})
    assert count_images(list_images("t", own, 0)) == {Split.TRAIN: 90, Split.VAL: 10}


@pytest.mark.parametrize("labels", [True, False])
def test_a_label_that_is_not_there(tmp_path: Path, labels: bool) -> None:
    columns: dict[str, list[object]] = {f"c{i}": [1, 2] for i in range(9)} | {"Male": [0, 1]}
    file = table(tmp_path, ["a", "b"], **columns)
    for settings, said in (
        ({"label": "male"}, r"label: .*'male'; there are Male, c0.*…"),
        ({"label": "Male", "attributes": ["c1", "c11"]}, r"attributes: .*'c11'; there are c1.*…"),
    ):
        with pytest.raises(InputError, match=r"datasets\.t\." + said):
            list_images("t", dataset("table", file, split={}, **settings), 0, labels=labels)


def test_what_cannot_be_split_or_lies_in_the_data_is_refused(tmp_path: Path) -> None:
    settings = dataset("table", table(tmp_path, ["a", "b"], person=[1, 1]), split={"by": "person"})
    with pytest.raises(InputError, match=r"t\.split\.by: all images have the same person"):
        list_images("t", settings, 0)
    with pytest.raises(InputError, match=r"datasets\.t\.split: none of the 1 images"):
        list_images("t", dataset("table", table(tmp_path, ["a"]), split={}), 0)
    demo = {"kind": "portraits"}
    settings = dataset("celeba", tmp_path / "x", demo=demo, split={"by": "identity"})
    with pytest.raises(InputError, match=r"datasets\.d\.split\.by: the demo's data"):
        list_images("d", settings, 0)
    for path, results in ((".", "results"), ("a", "a/b/out"), ("a", "a")):
        with pytest.raises(InputError, match=r"mine\.path: the results .* lie inside"):
            require_apart(Path(results), {"mine": dataset("folder", Path(path))})
        require_apart(Path(results), {"mine": dataset("folder", Path("a/images"))})


@pytest.mark.parametrize(
    ("layout", "settings", "message"),
    [
        ("folder", {"demo": {"kind": "portraits"}}, "demo: .* in the layout celeba"),
        ("rvl_cdip", {"images": "wild"}, "only the real CelebA"),
        ("celeba", {"images": "wild", "demo": {"kind": "portraits"}}, "only the real CelebA"),
        ("table", {"label": "Male", "attributes": ["Male"]}, "name a column twice: Male, Male"),
    ],
)
def test_settings_that_contradict_each_other(
    tmp_path: Path, layout: str, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        dataset(layout, tmp_path, **settings)


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
    table = clustered.assign("photos", images(person=people), cluster)
    assert list(table.columns) == clustered.COLUMNS
    assert table["cluster"].tolist() == numbers and set(table["by"]) == {by}


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
        table = clustered.assign("photos", images(**labels), AUTO, likely)
        assert set(table["by"]) == {by}, labels
    listed = images(person=[1, 2]).assign(path=["oslo/case1/a.png", "bergen/case1/a.png"])
    assert clustered.assign("scans", listed, PathPart(path_part=2))["cluster"].tolist() == [0, 1]
    absolute = listed.assign(path="/" + listed["path"])
    assert clustered.assign("scans", absolute, PathPart(path_part=1))["cluster"].tolist() == [0, 1]


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
    clustered.write_clusters("c", tmp_path / "m.parquet", AUTO, ["identity"], output)
    clusters = clustered.read_clusters(output)
    assert clusters.name == "identity"
    assert clusters.index.tolist() == people.index.tolist()
    assert clusters.tolist() == pd.factorize(people)[0].tolist()
    assert clusters.nunique() == 4
    assert clustered.clusters_of(pd.Series(["000007", "000001"]), clusters).tolist() == [3, 0]
    listed, output = images(identity=[1, 2]), tmp_path / "clusters.parquet"
    with pytest.raises(InputError, match=r"photos\.cluster: the manifest has no column 'persn'"):
        clustered.assign("photos", listed, "persn")
    with pytest.raises(InputError, match="2 paths have no folder 3, such as 'val/"):
        clustered.assign("photos", listed, PathPart(path_part=3))
    write_parquet(clustered.assign("photos", listed, AUTO), output)
    with pytest.raises(InputError, match="1 images have scores and no cluster"):
        clustered.clusters_of(pd.Series(["image-1", "image-9"]), clustered.read_clusters(output))
    write_parquet(listed, output)
    with pytest.raises(InputError, match=r"clusters\.parquet is not a table of clusters"):
        clustered.read_clusters(output)


def test_no_person_is_named(celeba: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One went to train while others of the person were in val, and nothing was said."""
    lines = (celeba / "identity_CelebA.txt").read_text().splitlines()
    (celeba / "identity_CelebA.txt").write_text("\n".join(lines[:2] + lines[3:]) + "\n")
    written(dataset("celeba", celeba, split={"validation": 0.5, "by": "identity"}), tmp_path)
    manifest = tmp_path / "m.parquet"
    clustered.write_clusters("d", manifest, AUTO, ["identity"], tmp_path / "clusters.parquet")
    clustered.read_people(manifest, "identity", "privacy.identity")
    said = [each.message for each in caplog.records if each.levelname == "WARNING"]
    assert len(said) == 3
    for key, text in zip(("split.by", clustered.KEY, "privacy.identity"), said, strict=True):
        assert f": 1 image of 7 without identity ({key}), such as '000003'" in text
    caplog.clear()
    pages = images(document=["a", None], document_page=[1, None])
    pages.to_parquet(manifest)
    clustered.write_clusters("d", manifest, "document", [], tmp_path / "clusters.parquet")
    assert not [each for each in caplog.records if each.levelname == "WARNING"]
