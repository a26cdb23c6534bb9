"""Originals and their copies find each other by name, whatever other files there are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import anonbench
from anonbench.core.errors import InputError
from anonbench.datasets.given import copies_of
from anonbench.evaluation import external
from anonbench.evaluation.privacy.attacks.files import attack_files


def test_the_most_similar_name_is_taken() -> None:
    for original, copies, expected in (
        ("a.gif", ["a.gif.png", "a.png"], "a.gif.png"),
        ("d/a.jpg", ["d/a.png"], "d/a.png"),
        ("a.jpg", ["a.jpg", "a.png"], "a.jpg"),
        ("photo.v1", ["photo.v2"], None),
        ("a.jpg", ["a_hidden.jpg", "b/a.jpg", "A.jpg"], None),
        ("a", ["a.jpg"], "a.jpg"),
        ("a.jpg", ["a"], "a"),
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


def test_vectors_of_copies_find_those_of_their_originals(folders: tuple[Path, Path]) -> None:
    originals, copies = (anonbench.embed(encode, str(folder)) for folder in folders)
    assert originals.ids[:3] == ["0.gif", "1.jpg", "1.png"] and originals.ids == sorted(
        originals.ids
    )
    with pytest.raises(
        InputError, match=r"1 ids of reference are not in database, such as '1\.png'"
    ):
        external.run(originals, originals, copies)
    found = external.run(originals, copies, copies, common=True, k=5)
    assert found.images == 9
    assert found.left_out == {"reference": 1, "queries": 0, "database": 0}
    assert "0.gif" in set(found.per_query["id"])
    # clusters by the names without suffix, as ids of images have them
    labels = pd.Series(range(10), index=["0", "1.jpg", "1.png", *map(str, range(2, 9))])
    assert external.run(originals, copies, copies, common=True, k=5, clusters=labels).clusters == 9


def test_pairs_are_attacked_by_their_names(folders: tuple[Path, Path], tmp_path: Path) -> None:
    boxes = tmp_path / "boxes.csv"
    names = sorted(file.name for file in folders[0].iterdir())
    rows = "".join(f"{name},face,2,2,12,12\n" for name in names)
    boxes.write_text(f"path,entity,x0,y0,x1,y1\n{rows}")
    found = attack_files(*map(str, folders), None, ["residual"], [], boxes=boxes)
    assert (found.pairs, found.left_out) == (9, 1)
