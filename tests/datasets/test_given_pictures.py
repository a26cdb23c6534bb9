"""Which picture of another program, or which copy, belongs to which image."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import anonbench
from anonbench.core.errors import InputError
from anonbench.datasets.given import belonging, copies_of, pictures_in, reasons_of_given, scan_given
from anonbench.datasets.headers import Limits
from anonbench.evaluation import external
from anonbench.evaluation.privacy.attacks.files import attack_files
from image_files import turned

LIMITS = Limits(max_pixels=10_000, pdf_dpi=72)


def images(**paths: str) -> pd.DataFrame:
    return pd.DataFrame(
        {"id": list(paths), "path": list(paths.values()), "width": 20, "height": 10}, dtype=object
    )


def draw(folder: Path, *paths: str, size: tuple[int, int] = (20, 10)) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros(size[::-1], np.uint8)).save(folder / path)


def test_two_pictures_of_an_image_or_two_images_of_a_picture_are_refused() -> None:
    with pytest.raises(InputError, match="'one' has 2 pictures"):
        belonging(images(one="a.jpg"), ["a.bmp", "a.png"], "deface")
    both = images(**{"a.jpg": "a.jpg", "a.png": "a.png"})
    with pytest.raises(InputError, match=r"1 picture belong to several images, a\.webp"):
        belonging(both, ["a.webp"], "deface")
    assert belonging(both, ["a.jpg", "a.png.webp"], "deface").tolist() == ["a.jpg", "a.png.webp"]
    assert belonging(both, ["a.jpg"], "deface").tolist() == ["a.jpg", None]


def test_images_are_left_out_for_a_reason(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    draw(tmp_path, "good.png", "extra.png")
    draw(tmp_path, "large.png", size=(21, 10))
    on_its_side = Image.fromarray(np.zeros((20, 10), np.uint8))
    on_its_side.save(tmp_path / "turned.jpg", exif=turned())
    (tmp_path / "broken.png").write_bytes(b"no picture")
    listed = images(good="good.jpg", large="large.png", absent="absent.png", broken="broken.png")
    listed = pd.concat([listed, images(turned="turned.jpg")], ignore_index=True)
    with caplog.at_level(logging.WARNING):
        reasons = reasons_of_given("archive", listed, {"deface": tmp_path}, LIMITS)
    assert reasons.tolist() == [
        "",
        "the picture of deface has another size",
        "there is no picture of deface",
        "the picture of deface: not an image, or of an unknown kind",
        "",
    ]
    assert "pictures of deface: 1 file without an image" in caplog.text
    draw(tmp_path, "one/a.png", "one/b.png", "two/a.png")
    folders = {name: tmp_path / name for name in ("one", "two")}
    reasons = reasons_of_given("x", images(a="a.png", b="b.png"), folders, LIMITS)
    assert reasons.tolist() == ["", "there is no picture of two"]
    draw(tmp_path, "a.png")
    before = scan_given({"deface": tmp_path})
    assert before == scan_given({"deface": tmp_path})
    draw(tmp_path, "a.png", size=(40, 40))
    assert before != scan_given({"deface": tmp_path})


def test_a_folder_without_pictures_of_the_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match="holds no pictures"):
        pictures_in(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        pictures_in(tmp_path / "absent")
    draw(tmp_path, "a_anonymized.png")
    with pytest.raises(InputError, match=r"no picture in .* has the path or the id of an image"):
        reasons_of_given("x", images(a="a.png"), {"deface": tmp_path}, LIMITS)


def test_the_most_similar_name_is_taken() -> None:
    for original, copies, expected in (
        ("a.gif", ["a.gif.png", "a.png"], "a.gif.png"),
        ("d/a.jpg", ["d/a.png"], "d/a.png"),
        ("a.jpg", ["a.jpg", "a.png"], "a.jpg"),
        ("photo.v1", ["photo.v2"], None),
        ("a.jpg", ["a_hidden.jpg", "b/a.jpg", "A.jpg"], None),
        ("a", ["a.jpg"], "a.jpg"),
        ("a.jpg", ["a"], "a"),
        ("d/a/page-0002", ["d/a.tif/page-0001", "d/a.tif/page-0002"], "d/a.tif/page-0002"),
        ("a/page-0002", ["a.tif/page-0002", "a/page-0002"], "a/page-0002"),
        ("a/page-0002", ["a.tif/page-0002.png"], None),
    ):
        assert copies_of([original], [original], copies, "copies") == [expected], original


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Originals of several formats, as `anonbench anonymize` names their copies; one has none."""
    random = np.random.default_rng(0)
    names = {"0.gif": "0.gif.png", "1.jpg": "1.jpg", "1.png": "", "2.bmp": "2.bmp"}
    names |= {f"{n}.png": f"{n}.png" for n in range(3, 9)}
    for name, copy in names.items():
        pixels = Image.fromarray(random.integers(0, 256, (16, 16), dtype=np.uint8))
        for folder, each in (("originals", name), ("copies", copy)):
            (tmp_path / folder).mkdir(exist_ok=True)
            if each:
                pixels.save(tmp_path / folder / each)
    return tmp_path / "originals", tmp_path / "copies"


def encode(images: list[np.ndarray]) -> np.ndarray:
    return np.array([image.astype(np.float32).ravel() for image in images])


def test_copies_are_paired_by_their_names(folders: tuple[Path, Path], tmp_path: Path) -> None:
    originals, copies = (anonbench.embed(encode, str(folder)) for folder in folders)
    assert originals.ids[:3] == ["0.gif", "1.jpg", "1.png"]
    assert originals.ids == sorted(originals.ids)
    lacks = r"1 ids of reference are not in database, such as '1\.png'"
    with pytest.raises(InputError, match=lacks):
        external.run(originals, originals, copies)
    found = external.run(originals, copies, copies, common=True, k=5)
    assert found.images == 9
    assert found.left_out == {"reference": 1, "queries": 0, "database": 0}
    assert "0.gif" in set(found.per_query["id"])
    # clusters by the names without suffix, as ids of images have them
    labels = pd.Series(range(10), index=["0", "1.jpg", "1.png", *map(str, range(2, 9))])
    assert external.run(originals, copies, copies, common=True, k=5, clusters=labels).clusters == 9
    boxes = tmp_path / "boxes.csv"
    names = sorted(file.name for file in folders[0].iterdir())
    rows = "".join(f"{name},face,2,2,12,12\n" for name in names)
    boxes.write_text(f"path,entity,x0,y0,x1,y1\n{rows}")
    found = attack_files(*map(str, folders), None, ["residual"], [], boxes=boxes)
    assert (found.pairs, found.left_out) == (9, 1)
