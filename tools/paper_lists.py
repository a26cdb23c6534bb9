"""List files of the paper's three data sets at full size, without images: to plan, count and time.

python tools/paper_lists.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

SIZES = {
    "celeba": (162_770, 19_867, 19_962),
    "rvl_cdip": (320_000, 40_000, 40_000),
    "dokiq": (60_000, 15_000, 0),
}
"""Images of train, validation and test split: as published, and for DOKIQ as an assumption."""


def write(folder: Path, most: int = 10**9) -> list[Path]:
    """Write the lists, of at most so many images a split, and return the data sets' folders."""
    files: dict[str, list[str]] = {}
    for name, sizes in SIZES.items():
        counts = [min(size, most) for size in sizes]
        splits = [split for split, count in enumerate(counts) for _ in range(count)]
        if name == "celeba":
            images = [f"{number:06d}.jpg" for number in range(1, len(splits) + 1)]
            signs = [f"{i} {1 - 2 * (n % 2):2d}" for n, i in enumerate(images)]
            persons = [f"{image} {1 + n // 20}" for n, image in enumerate(images)]
            parts = [f"{image} {part}" for image, part in zip(images, splits, strict=True)]
            files["celeba/list_attr_celeba.txt"] = [str(len(images)), "Male ", *signs]
            files["celeba/identity_CelebA.txt"] = persons
            files["celeba/list_eval_partition.txt"] = parts
        elif name == "rvl_cdip":
            rows = [f"imagesa/a/{n % 97:02d}/{n:08d}.tif {n % 16}" for n in range(len(splits))]
            for split, part in enumerate(("train", "val", "test")):
                own = [row for row, place in zip(rows, splits, strict=True) if place == split]
                files[f"rvl_cdip/labels/{part}.txt"] = own
        else:
            rows = [f"images/{n:08d}.png,{('train', 'val')[s]}" for n, s in enumerate(splits)]
            files["dokiq/images.csv"] = ["path,split", *rows]
    for path, lines in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("\n".join([*lines, ""]), encoding="utf-8")
    for images_of in ("celeba/img_align_celeba", "rvl_cdip/images"):
        (folder / images_of).mkdir(exist_ok=True)
    return [folder / name for name in SIZES]


if __name__ == "__main__":
    for path in write(Path(sys.argv[1])):
        print(f"wrote {path}")
