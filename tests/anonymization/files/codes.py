"""Photographs with a code that is found at once, in every format that is written."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import zxingcpp
from PIL import Image, ImageCms

from anonbench import anonymize_files
from anonbench.anonymization.files.run import Anonymized
from anonbench.config import Detection
from image_files import qr

QUICK = Detection(speed="single")
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def photograph(text: str = "secret", *, code: bool = True, grey: bool = False) -> Image.Image:
    """Return a code, or nothing, on a ground of its own."""
    ground = np.random.default_rng(len(text)).integers(90, 140, (150, 200, 3)).astype(np.uint8)
    image = Image.fromarray(ground).resize((100, 75)).resize((200, 150))
    if code:
        image.paste(Image.fromarray(qr(text, margin=12)), (20, 15))
    return image.convert("L") if grey else image


def pair(*texts: str) -> Image.Image:
    both = Image.new("RGB", (400, 150))
    for number, text in enumerate(texts):
        both.paste(photograph(text), (200 * number, 0))
    return both


def faint(text: str) -> Image.Image:
    """Return a photograph of 32 grey levels, which is doubtful."""
    return photograph(text).convert("L").point(lambda value: 100 + value // 8)


def save_pages(path: Path, *pages: Image.Image) -> None:
    path.parent.mkdir(exist_ok=True)
    pages[0].save(path, save_all=True, append_images=pages[1:], resolution=150)


def save(folder: Path, name: str, **options: Any) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = {key: options.pop(key) for key in ("code", "grey") if key in options}
    photograph(name, **drawn).save(path, **options)
    return path


def read_codes(path: Path) -> list[str]:
    with Image.open(path) as image:
        return [found.text for found in zxingcpp.read_barcodes(np.asarray(image.convert("L")))]


def anonymized(photos: Path, to: Path, **options: Any) -> Anonymized:
    options = {"method": "mask", "workers": 1, "detectors": ["zxing"], "detection": QUICK} | options
    return anonymize_files(photos, to, **options)


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def records(done: Anonymized) -> list[dict[str, Any]]:
    return json.loads(done.audit.read_text(encoding="utf-8"))["images"]


def statuses(done: Anonymized) -> dict[str, str]:
    return {row["name"]: row["status"] for row in records(done)}
