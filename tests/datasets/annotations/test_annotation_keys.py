"""A row reaches the image that its id or path names, letter by letter, or the read refuses."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from anonbench.core.errors import InputError
from anonbench.datasets.annotations import read as own
from anonbench.datasets.annotations.rows import Images

ROOT = Path("/data/archive")
SIDE = 1000
KINDS = ["csv", "parquet", "coco", "corrections"]

Key = tuple[str | None, str | None]
"""Id and path by which a row names its image; None: it does not give it."""


def images_of(*pairs: tuple[str, str], others: tuple[tuple[str, str], ...] = ()) -> Images:
    rows = [(name, path, SIDE, SIDE) for name, path in pairs]
    listed = pd.DataFrame(rows, columns=["id", "path", "width", "height"])
    return Images(ROOT, listed, pd.DataFrame(others, columns=["id", "path"], dtype=str))


def write(folder: Path, kind: str, keys: list[Key]) -> Path:
    """Write a file with one box a key; its left edge is the key's number."""
    if kind == "coco":
        return write_coco(folder, keys)
    columns = [name for i, name in enumerate(("id", "path")) if any(k[i] is not None for k in keys)]
    frame = pd.DataFrame(keys, columns=["id", "path"], dtype=object)[columns].fillna("")
    frame = frame.assign(entity="face", x0=range(len(keys)), y0=0, x1=SIDE, y1=SIDE)
    if kind == "corrections":
        frame["action"] = "add"
    path = folder / f"{kind}.{'parquet' if kind == 'parquet' else 'csv'}"
    if kind == "parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False)
    return path


def write_coco(folder: Path, keys: list[Key]) -> Path:
    names = ("anonbench_id", "file_name")
    images = [
        {"id": number} | {name: k for name, k in zip(names, key, strict=True) if k is not None}
        for number, key in enumerate(keys)
    ]
    boxes = [
        {"id": number, "image_id": number, "category_id": 0, "bbox": [number, 0, 500, 500]}
        for number in range(len(keys))
    ]
    categories = [{"id": 0, "name": "face"}]
    path = folder / "coco.json"
    path.write_text(json.dumps({"images": images, "annotations": boxes, "categories": categories}))
    return path


def read(path: Path, images: Images, lenient: bool = False) -> own.Annotations:
    if path.name.startswith("corrections"):
        return own.read_corrections(path, images, lenient)
    return own.read_boxes_file(path, images)


def reached(path: Path, images: Images) -> dict[int, str]:
    """Return the image that each box reaches in detection, by the box's number."""
    annotations, stored = read(path, images, lenient=True), path.with_suffix(".stored")
    own.write_annotations(annotations, stored)
    ids = images.ids.tolist()
    if path.name.startswith("corrections"):
        corrections = own.read_stored_corrections(stored, ids)
        found = {n: [c.region for c in rows if c.region] for n, rows in corrections.items()}
    else:
        found = own.read_regions(stored, ids)
    return {round(region.x0): name for name, regions in found.items() for region in regions}


# --- whatever the names, no box is moved ---


def variants(path: str) -> list[str]:
    """Return names that are like a path and not it: what a guess would take for it."""
    folders = path.split("/")
    stem = path.rpartition(".")[0] or path
    tails = ["/".join(folders[start:]) for start in range(1, len(folders))]
    return [
        *(stem, f"{stem}.jpg", f"{path}.png", path.upper(), path.lower(), path.swapcase()),
        *(unicodedata.normalize(form, path) for form in ("NFC", "NFD", "NFKC")),
        *(*tails, *("/".join(folders[:end]) for end in range(1, len(folders)))),
        *(tail.rpartition(".")[0] or tail for tail in tails),
        *(path.replace("/", "\\"), path.replace("/", "_"), f" {path}", f"{path} "),
        *(f"x/{path}", f"a/{path}", f"../{path}", f"./{path}", f"{ROOT}/{path}", f"/{path}"),
    ]


names = st.sampled_from(
    ["a", "b", "1", "10", "A", "é", "e\u0301", "a.png", "1.jpg", "ﬁ", " a", "ß"]
)
paths = st.lists(names, min_size=2, max_size=3).map("/".join)
plain = paths.filter(lambda path: path == path.strip() and not path.startswith("/"))


@st.composite
def colliding(draw: st.DrawFn) -> tuple[list[tuple[str, str]], list[Key]]:
    """Images whose ids and paths are each other's variants, and keys that are, too."""
    first = draw(st.lists(plain, min_size=1, max_size=4, unique=True))
    like = sorted({name for path in first for name in variants(path)} | set(first))
    usable = [name for name in like if not name.startswith(("/", "./"))]
    count = draw(st.integers(2, min(8, len(usable))))
    chosen = st.lists(st.sampled_from(usable), min_size=count, max_size=count, unique=True)
    images = list(zip(draw(chosen), draw(chosen), strict=True))
    like_one = st.sampled_from(images).flatmap(
        lambda pair: st.sampled_from(variants(pair[1]) + variants(pair[0]))
    )
    key = st.one_of(
        st.sampled_from(images),
        st.sampled_from(images).map(lambda pair: (pair[0], None)),
        st.sampled_from(images).map(lambda pair: (None, pair[1])),
        like_one.map(lambda name: (None, name)),
        like_one.map(lambda name: (name, None)),
        st.tuples(st.sampled_from([i for i, _ in images]), st.sampled_from([p for _, p in images])),
    )
    return images, draw(st.lists(key, min_size=1, max_size=8, unique=True))


def meant(images: list[tuple[str, str]], key: Key) -> str | None:
    """Return the image that a key means by its letters; None where there is no such one.

    Written out the slow way, without the library: `./` and the root before a path are nothing.
    """
    given_id, given_path = key
    if given_path is not None:
        given_path = given_path.removeprefix("./").removeprefix(f"{ROOT}/")
    fits = [
        name
        for name, path in images
        if (given_id is None or given_id == name) and (given_path is None or given_path == path)
    ]
    return fits[0] if len(fits) == 1 else None


@pytest.mark.slow
@settings(max_examples=80, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(kind=st.sampled_from(KINDS), drawn=colliding())
def test_no_box_is_ever_moved(
    kind: str, drawn: tuple[Any, list[Key]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    images, keys = drawn
    right = {n: name for n, key in enumerate(keys) if (name := meant(images, key)) is not None}
    folder = tmp_path_factory.mktemp("keys")
    twice = kind == "coco" and len(set(right.values())) < len(right)
    path = write(folder, kind, keys)
    if twice or len(right) < len(keys):
        with pytest.raises(InputError):
            read(path, images_of(*images))
    if kind == "corrections" and right:
        assert reached(path, images_of(*images)) == right
    elif right and not twice:
        path = write(folder, kind, [keys[number] for number in right])
        assert reached(path, images_of(*images)) == dict(enumerate(right.values()))


# --- what reaches none, or several, is refused, or left out and counted ---

TWO = (("1", "caseA/1.png"), ("2", "caseB/1.png"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_that_is_none_is_refused_with_its_place(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path, kind, [(None, "caseB/1.png"), (None, "1.png")])
    with pytest.raises(InputError) as error:
        read(path, images_of(*TWO))
    place = "annotation 1 " if kind == "coco" else "row 2 "
    for said in (str(path), place, "no image of the data set has this", f"below {ROOT} with"):
        assert said in str(error.value)


@pytest.mark.parametrize(
    "key", [("note/page-0002", None), (None, "note.pdf/page-0002"), (None, "note.pdf")]
)
def test_the_id_of_a_page_is_suggested(key: Key, tmp_path: Path) -> None:
    images = images_of(("note.pdf/page-0001", "note.pdf"), ("note.pdf/page-0002", "note.pdf"))
    with pytest.raises(InputError, match=r"did you mean the id note\.pdf/page-000[12]\?"):
        read(write(tmp_path, "csv", [key]), images)


def test_a_misspelt_id_among_very_many_is_not_compared_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, file = images_of(("a-1", "a.png")), write(tmp_path, "csv", [("a-2", None)])
    with pytest.raises(InputError, match="did you mean"):
        read(file, images)
    monkeypatch.setattr("anonbench.datasets.annotations.read.MOST_COMPARED", 0)
    with pytest.raises(InputError) as refused:
        read(file, images)
    assert "did you mean" not in str(refused.value)


def test_rows_may_leave_one_key_empty_or_reach_no_image(tmp_path: Path) -> None:
    keys: list[Key] = [("2", None), (None, "caseA/1.png")]
    assert reached(write(tmp_path, "csv", keys), images_of(*TWO)) == {0: "2", 1: "1"}
    with pytest.raises(InputError, match=r"row 3 .*empty; say whose box this is"):
        read(write(tmp_path, "csv", [*keys, (None, None)]), images_of(*TWO))
    keys: list[Key] = [(None, "1.png"), (None, "caseB/1.png"), (None, "no.png")]
    found = read(write(tmp_path, "corrections", keys), images_of(*TWO), lenient=True)
    assert found.rows["id"].tolist() == found.images == ["2"] and found.unmatched == 2
    with pytest.raises(InputError, match="no row reaches an image"):
        read(write(tmp_path, "corrections", keys[::2]), images_of(*TWO), lenient=True)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_images_that_are_not_used_are_counted(kind: str, tmp_path: Path) -> None:
    images = images_of(*TWO, others=(("9", "test/9.png"), ("1", "caseA/1.png")))
    for key in ((None, "test/9.png"), ("9", None)):
        found = read(write(tmp_path, kind, [("1", "caseA/1.png"), key]), images)
        assert (found.images, found.unused, found.unmatched) == (["1"], 1, 0)


# --- damage and malice get one error that names the file ---


def look(path: Path, content: bytes) -> None:
    """Read a file of this content: it can be read, or is refused by its name."""
    path.write_bytes(content)
    try:
        read(path, images_of(*TWO), lenient=True)
    except InputError as error:
        assert str(path) in str(error) and str(error).isprintable()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_refused_by_name(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path, kind, [(None, "caseA/1.png"), (None, "caseB/1.png")])
    content, draw = path.read_bytes(), np.random.default_rng(3)
    for _ in range(40):
        bad = bytearray(content)
        for place in draw.integers(0, len(content), draw.integers(1, 6)):
            bad[place] = draw.integers(256)
        look(path, bytes(bad))
        look(path, content[: draw.integers(len(content))])


def replacements(value: Any) -> list[Any]:
    """Return copies of a JSON value with one part of it replaced by something of another kind."""
    odd = [None, True, 7, -1.5, 10**400, "x", "", [], {}, [[]], {"a": 1}, "\ud800", "\x1b[2J"]
    result = list(odd)
    if isinstance(value, dict):
        for key in value:
            result += [value | {key: part} for part in replacements(value[key])]
            result.append({name: part for name, part in value.items() if name != key})
    if isinstance(value, list) and value:
        result += [[part, *value[1:]] for part in replacements(value[0])]
    return result


@pytest.mark.slow
def test_json_with_any_part_replaced_is_read_or_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "coco", [("1", "caseA/1.png"), ("2", "caseB/1.png")])
    changed = replacements(json.loads(path.read_text()))
    assert len(changed) > 200
    for value in changed:
        look(path, json.dumps(value).encode())


def test_columns_and_ids_of_other_kinds(tmp_path: Path) -> None:
    path = tmp_path / "b.csv"
    path.write_text("id,id,entity,x0,y0,x1,y1\n1,2,face,0,0,9,9\n")
    with pytest.raises(InputError, match="two columns id"):
        read(path, images_of(*TWO))
    path.write_text("id,entity,x0,y0,x1,y1,,\n1,face,0,0,9,9,,\n")
    read(path, images_of(*TWO))
    path = write(tmp_path, "parquet", [("2", None)])
    pd.read_parquet(path).set_index("id").to_parquet(path)
    assert reached(path, images_of(*TWO)) == {0: "2"}
    # a missing cell makes whole numbers fractions: which of 1 and 1.0 was it?
    path = tmp_path / "b.parquet"
    row = {"entity": "face", "x0": 0, "y0": 0, "x1": 9, "y1": 9}
    images = images_of(("1", "a.png"), ("1.0", "b.png"), ("True", "c.png"))
    for value in (1.0, True, b"1", ["1"], pd.Timestamp(0)):
        pd.DataFrame([{"id": value} | row]).to_parquet(path)
        with pytest.raises(InputError, match=r"row 1 .*, id: neither text nor a whole number"):
            read(path, images)
    pd.DataFrame([{"id": 1} | row]).to_parquet(path)
    assert reached(path, images) == {0: "1"}


@pytest.mark.parametrize("kind", ["csv", "coco"])
def test_an_id_says_which_of_two_images_of_one_path(kind: str, tmp_path: Path) -> None:
    images = images_of(("a", "x.png"), ("b", "x.png"), ("c", "y.png"))
    found = read(write(tmp_path, kind, [("b", "x.png"), ("a", "./x.png")]), images)
    assert found.rows["id"].tolist() == ["b", "a"]
    for key in ((None, "x.png"), ("c", "x.png")):
        with pytest.raises(InputError, match=r" [01] .*several images of the data set"):
            read(write(tmp_path, kind, [key]), images)


def test_coco_that_lists_other_images_or_loses_boxes_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "coco", [(None, "caseA/1.png"), (None, "no.png")])
    data = json.loads(path.read_text())
    data["annotations"].pop()
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match=r"image 1 .*no image of the data set has this file_name"):
        read(path, images_of(*TWO))
    path = tmp_path / "b.json"
    twice = '{"images": [], "images": [], "annotations": [], "categories": []}'
    for text, said in ((twice, "'images' twice"), ("[" * 100_000, "cannot be read as JSON")):
        path.write_text(text)
        with pytest.raises(InputError, match=rf"b\.json.*{said}"):
            read(path, images_of(*TWO))
