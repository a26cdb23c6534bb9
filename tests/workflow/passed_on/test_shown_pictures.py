"""No picture that is passed on shows a region in plain sight: every one is decoded and looked at.

Each image has two magenta regions on a green page. Where originals may not be shown, no magenta is
in any picture of the report or the figures: not of images in which only some regions are hidden
(data set `half`), nor of those in which nothing was found (`some`).
"""

import base64
import io
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_archive
from PIL import Image

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

IMAGES = 16
REGIONS = ((8, 10, 88, 50), (8, 70, 88, 110))
MAGENTA, GREEN = (255, 0, 255), (0, 200, 0)


def draw(folder: Path) -> None:
    """Write both data sets, and their regions: in `some` those of every other image are missing."""
    for name, every in (("half", 1), ("some", 2)):
        rows = ["id,entity,x0,y0,x1,y1"]
        for number in range(IMAGES):
            split, place = ("train", "val")[number % 2], number // 2
            pixels = np.full((120, 96, 3), GREEN, np.uint8)
            for x0, y0, x1, y1 in REGIONS:
                pixels[y0:y1, x0:x1] = MAGENTA
            pixels[112:118, : 5 * number + 5] = 255  # no two are the same
            path = folder / name / split / f"{number:02d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
            for corners in REGIONS if place % every == 0 else ():
                rows.append(f"{split}/{number:02d},face,{','.join(map(str, corners))}")
        (folder / f"{name}.csv").write_text("\n".join([*rows, ""]), encoding="utf-8")


def config(folder: Path, show_originals: bool) -> dict[str, Any]:
    tiny = {k: v for k, v in small_archive.config().items() if k != "detection"}
    both = {
        "layout": "folder",
        "detectors": ["boxes"],
        "methods": ["mask"],
        "adaptions": [],
        "recipe": "tiny",
    }
    tiny["datasets"] = {
        name: both | own | {"path": str(folder / name), "boxes": str(folder / f"{name}.csv")}
        for name, own in (
            ("half", {"degrees": [50]}),
            ("some", {"degrees": [100], "keep_without_regions": True}),
        )
    }
    tiny["privacy"] = {"enabled": False}
    tiny["presentation"] |= {"show_originals": show_originals, "example_images": 8}
    return tiny


def pictures(place: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the pictures of a file, also those inside it, RGB."""
    name, data = place.name, place.read_bytes()
    if data.startswith(b"\x89PNG"):
        yield name, np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    for text in re.findall(rb"data:image/(?:png|webp|jpeg);base64,\s*([A-Za-z0-9+/=\s]+)", data):
        image = Image.open(io.BytesIO(base64.b64decode(re.sub(rb"\s", b"", text))))
        yield name, np.asarray(image.convert("RGB"))


def colours(*places: Path) -> tuple[Counter[str], Counter[str]]:
    """Return by file in how many pictures there is something magenta, and green."""
    magenta: Counter[str] = Counter()
    green: Counter[str] = Counter()
    for place in places:
        for name, pixels in pictures(place):
            red, middle, blue = np.moveaxis(pixels.astype(int), 2, 0)
            magenta[name] += int(((red > 200) & (middle < 70) & (blue > 200)).sum() > 3)
            green[name] += int(((red < 50) & (middle > 150) & (blue < 50)).sum() > 3)
    return +magenta, +green


def passed_on(folder: Path) -> list[Path]:
    results = folder / "results"
    return [results / "report.html", *sorted((results / "figures").rglob("*.??g"))]


def test_no_region_in_plain_sight_is_shown(snakemake: Any, tmp_path: Path) -> None:
    draw(tmp_path)
    made(snakemake, tmp_path, show_originals=False)
    magenta, green = colours(*passed_on(tmp_path))
    assert not magenta
    seen = {f"{kind}_some.{suffix}" for kind in OF_IMAGES for suffix in ("png", "svg")}
    assert set(green) == {"report.html", *seen}  # and nothing of `half`
    assert "“not shown” stands" in (tmp_path / "results/report.html").read_text(encoding="utf-8")

    made(snakemake, tmp_path, show_originals=True)
    magenta, _ = colours(*passed_on(tmp_path))
    everywhere = {f"{kind}_{name}.png" for kind in OF_IMAGES for name in ("half", "some")}
    assert everywhere <= set(magenta) and magenta["report.html"] > len(everywhere)


OF_IMAGES = ("examples", "attention")


def made(snakemake: Any, folder: Path, show_originals: bool) -> None:
    given = ("--cores", "2", "report", "detection_quality")
    done = snakemake(folder, config(folder, show_originals), *given)
    assert done.returncode == 0, done.stderr[-4000:]
