"""Stand-ins for the publishers' layouts at full size: list files and empty folders, no image.

With them the paper's whole experiment can be planned, and its jobs counted, without its data.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from anonbench.config import Layout
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import DOCUMENT_CLASSES

FULL_SIZE = {
    Layout.CELEBA: (162_770, 19_867, 19_962),
    Layout.RVL_CDIP: (320_000, 40_000, 40_000),
    Layout.TABLE: (60_000, 15_000, 0),
}
"""Images of train, validation and test split: as published; the table stands for DOKIQ."""

TABLE_NAME = "images.csv"
_ATTRIBUTES = """
5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose
Black_Hair Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee
Gray_Hair Heavy_Makeup High_Cheekbones Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard
Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks Sideburns Smiling Straight_Hair
Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace Wearing_Necktie Young
"""
_PHOTOS_PER_IDENTITY = 20


def write_paper_standins(folder: Path) -> list[Path]:
    """Write the list files of the paper's three data sets at full size; return their folders."""
    names = {"celeba": Layout.CELEBA, "rvl_cdip": Layout.RVL_CDIP, "dokiq": Layout.TABLE}
    for name, layout in names.items():
        write_standin(layout, folder / name, *FULL_SIZE[layout])
    return [folder / name for name in names]


def write_standin(layout: Layout, folder: Path, train: int, val: int, test: int) -> None:
    """Write a layout's list files for so many images, and the empty folders that it needs.

    A table is written as `images.csv` in `folder`, without a test split.

    Raises:
        InputError: the layout has no list files.

    """
    folder.mkdir(parents=True, exist_ok=True)
    if layout is Layout.CELEBA:
        _write_celeba(folder, train, val, test)
    elif layout is Layout.RVL_CDIP:
        _write_rvl_cdip(folder, train, val, test)
    elif layout is Layout.TABLE:
        rows = (f"images/{i:08d}.png,{'train' if i < train else 'val'}" for i in range(train + val))
        _write_lines(folder / TABLE_NAME, rows, "path,split")
    else:
        raise InputError(f"there is no stand-in for the layout {layout}: it has no list files")


def _write_celeba(folder: Path, train: int, val: int, test: int) -> None:
    total = train + val + test
    (folder / "img_align_celeba").mkdir(exist_ok=True)
    values = [_attribute_values(pattern) for pattern in range(64)]
    partition = [0] * train + [1] * val + [2] * test
    _write_lines(
        folder / "list_attr_celeba.txt",
        (f"{i:06d}.jpg {values[i * 31 % 64]}" for i in range(1, total + 1)),
        f"{total}\n{' '.join(_ATTRIBUTES.split())} ",
    )
    _write_lines(
        folder / "list_eval_partition.txt",
        (f"{i:06d}.jpg {part}" for i, part in enumerate(partition, start=1)),
    )
    _write_lines(
        folder / "identity_CelebA.txt",
        (f"{i:06d}.jpg {1 + i // _PHOTOS_PER_IDENTITY}" for i in range(1, total + 1)),
    )


def _attribute_values(pattern: int) -> str:
    """Return one line's 40 attributes, from a pattern of six bits, as the publisher aligns them."""
    signs = (pattern >> (column % 6) & 1 for column in range(len(_ATTRIBUTES.split())))
    return " ".join(f"{2 * sign - 1:2d}" for sign in signs)


def _write_rvl_cdip(folder: Path, train: int, val: int, test: int) -> None:
    (folder / "images").mkdir(exist_ok=True)
    (folder / "labels").mkdir(exist_ok=True)
    start = 0
    for split, count in (("train", train), ("val", val), ("test", test)):
        pages = range(start, start + count)
        _write_lines(
            folder / "labels" / f"{split}.txt",
            (f"imagesa/a/{i % 97:02d}/{i:08d}.tif {i % len(DOCUMENT_CLASSES)}" for i in pages),
        )
        start += count


def _write_lines(file: Path, lines: Iterator[str], header: str | None = None) -> None:
    first = [] if header is None else [header]
    file.write_text("\n".join([*first, *lines, ""]), encoding="utf-8")
