"""Small data sets in the publishers' layouts."""

from pathlib import Path

import pytest
from small_sets import draw

ATTRIBUTES = ["Bald", "Male", "Young"]


@pytest.fixture
def celeba(tmp_path: Path) -> Path:
    """Return CelebA's layout with eight images: five train, two validation, one test."""
    root = tmp_path / "celeba"
    names = [f"{i:06d}.jpg" for i in range(1, 9)]
    for value, name in enumerate(names):
        draw(root / "img_align_celeba" / name, value)
    lines = [
        f"{n} {' '.join(f'{1 if i >> b & 1 else -1:2d}' for b in range(3))}"
        for i, n in enumerate(names)
    ]
    header = f"8\n{' '.join(ATTRIBUTES)} \n"
    (root / "list_attr_celeba.txt").write_text(header + "\n".join(lines) + "\n")
    partition = [f"{n} {p}" for n, p in zip(names, [0, 0, 0, 0, 0, 1, 1, 2], strict=True)]
    (root / "list_eval_partition.txt").write_text("\n".join(partition) + "\n")
    identity = [f"{n} {2880 + i // 2}" for i, n in enumerate(names)]
    (root / "identity_CelebA.txt").write_text("\n".join(identity) + "\n")
    return root


@pytest.fixture
def rvl_cdip(tmp_path: Path) -> Path:
    """Return RVL-CDIP's layout with four train and two validation pages."""
    root = tmp_path / "rvl"
    (root / "labels").mkdir(parents=True)
    pages = [f"imagesq/q/doc{i:02d}/{i:08d}.tif" for i in range(6)]
    for value, page in enumerate(pages):
        draw(root / "images" / page, value)
    for name, chosen in (("train", [3, 1, 0, 2]), ("val", [4, 5])):
        text = "".join(f"{pages[i]} {i * 3}\n" for i in chosen)
        (root / "labels" / f"{name}.txt").write_text(text)
    (root / "labels" / "test.txt").write_text("imagesq/q/absent.tif 1\n")
    return root
