"""Distinctive words in every place where a name can stand, and a search for them in any file.

The regions to hide are magenta, on green pages. In `archive` those of every other image are
missing; in `register` each image has two, and one of them is hidden.
"""

import base64
import binascii
import gzip
import html
import io
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import h5py
import numpy as np
import pandas as pd
from PIL import Image

from anonbench.core.libraries.opencv import cv2

CLASSES = ("Zwetschgenmann", "Quittenfrau")
FILE = "Kanarienvogel"
LABELS = ("Hollerkoch", "Schlehenwirt")
IDS = "Mirabellenkind"
IDENTITY = "Hagebuttenopa"
TEMPLATE = "Preiselbeerpass"
HOME = "Sauerkirschheim"
USER = "Walderdbeere"
WORDS = (*CLASSES, FILE, *LABELS, IDS, IDENTITY, TEMPLATE, HOME, USER)
IMAGES = 16
MAGENTA, GREEN = (255, 0, 255), (0, 200, 0)
FIELD, ROW = (20, 20, 90, 40), (20, 60, 90, 110)
_DEEPEST = 4


def draw(folder: Path) -> None:
    """Write a folder of classes and a table with ids, labels, persons and a template.

    In the folder there are also files that cannot be used, and a copy from the other split.
    """
    rows, boxes, own = [], [], []
    (folder / HOME / TEMPLATE).mkdir(parents=True)
    _write(folder / HOME / TEMPLATE / f"{TEMPLATE}.png", _page(99, FIELD))
    corners = "entity,x0,y0,x1,y1"
    (folder / HOME / TEMPLATE / "annotations.csv").write_text(
        f"path,{corners}\n{TEMPLATE}.png,text,{_text(FIELD)}\n", encoding="utf-8"
    )
    for number in range(IMAGES):
        split, which = ("train", "val")[number % 2], number // 2 % 2
        name = f"{split}/{CLASSES[which]}/{FILE}{number:02d}"
        face = 10 + number, 10, 60, 50
        _write(folder / HOME / "archive" / f"{name}.png", _page(number, face))
        boxes += [] if number // 4 % 2 else [f"{name},face,{_text(face)}"]
        _write(folder / HOME / "register" / f"{FILE}{number:02d}.png", _page(number, FIELD, ROW))
        identity = f"{IDENTITY}{number // 4}"
        row = f"{FILE}{number:02d}.png,{IDS}{number:02d},{split},{LABELS[which]},{identity}"
        rows.append(row)
        own.append(f"{IDS}{number:02d},text,{_text(ROW)}")
    unusable = folder / HOME / "archive/train" / CLASSES[0] / FILE
    for suffix in (".png", ".heic"):
        unusable.with_suffix(suffix).write_bytes(b"no image")
    _write(unusable.with_name(f"{FILE}-copy.png"), _page(1, (11, 10, 60, 50)))
    boxes.append(f"train/{CLASSES[0]}/{FILE}-copy,face,11,10,60,50")
    for file, head, lines in (
        ("register/list.csv", "path,id,split,trade,identity", rows),
        ("archive.csv", f"id,{corners}", boxes),
        ("register.csv", f"id,{corners}", own),
    ):
        (folder / HOME / file).write_text("\n".join([head, *lines, ""]), encoding="utf-8")


def config(folder: Path, tiny: dict[str, Any], show_originals: bool) -> dict[str, Any]:
    """Return the config of both data sets; paths are absolute, as a user may write them."""
    home = folder / HOME
    both = {"methods": ["mask"], "adaptions": [], "recipe": "tiny"}
    archive = {"layout": "folder", "path": str(home / "archive"), "label": "class"}
    archive |= {"degrees": [100], "keep_without_regions": True}
    archive |= {"detectors": ["boxes"], "boxes": str(home / "archive.csv")}
    register = {"layout": "table", "path": str(home / "register/list.csv"), "label": "trade"}
    register |= {"detectors": ["boxes", "template"], "boxes": str(home / "register.csv")}
    register |= {"templates": str(home / TEMPLATE), "degrees": [50]}
    shown = {"show_originals": show_originals, "example_images": 8}
    return tiny | {
        "datasets": {"archive": both | archive, "register": both | register},
        "privacy": {"probes": 4, "gallery": 8},
        "presentation": tiny["presentation"] | shown,
    }


def _text(region: tuple[int, ...]) -> str:
    return ",".join(map(str, region))


def _page(seed: int, *regions: tuple[int, ...]) -> np.ndarray:
    """Return a green page with lines of writing and magenta regions, uint8 [160, 120, 3]."""
    page = np.full((160, 120, 3), GREEN, np.uint8)
    for line in range(8):
        text = f"{line} form {7 * line + 3}"
        cv2.putText(page, text, (6, 18 + 18 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1)
    for x0, y0, x1, y1 in regions:
        page[y0:y1, x0:x1] = MAGENTA
    noise = np.random.default_rng(seed).integers(0, 20, page.shape)
    return (page - np.minimum(page, noise)).astype(np.uint8)


def _write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def where(*places: Path) -> dict[str, list[str]]:
    """Return by word the files below some places in whose bytes or names it is, however packed."""
    found: dict[str, list[str]] = {}
    for place in places:
        for file in [place] if place.is_file() else sorted(place.rglob("*")):
            text = b"".join(layers(file.read_bytes())) if file.is_file() else b""
            text += str(file.relative_to(place.parent)).encode()
            for word in words_in(text):
                found.setdefault(word, []).append(str(file))
    return found


def colours(data: bytes) -> tuple[int, int]:
    """Return how many pictures of a file, also inside it, have something magenta, and green."""
    texts = re.findall(rb"data:image/(?:png|webp|jpeg);base64,\s*([A-Za-z0-9+/=\s]+)", data)
    pictures = [base64.b64decode(re.sub(rb"\s", b"", text)) for text in texts]
    pictures += [data] if data.startswith(b"\x89PNG") else []
    magenta = green = 0
    for picture in pictures:
        pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
        red, middle, blue = np.moveaxis(pixels, 2, 0)
        magenta += int(((red > 200) & (middle < 70) & (blue > 200)).sum() > 3)
        green += int(((red < 60) & (middle > 150) & (blue < 60)).sum() > 3)
    return magenta, green


def words_in(text: bytes) -> list[str]:
    """Return which of the words are in some bytes, in any case and either width."""
    low = text.lower().replace(b"\0", b"")
    return [word for word in WORDS if word.lower().encode() in low]


def layers(data: bytes, depth: int = 0) -> Iterator[bytes]:
    """Yield some bytes, and everything that they unpack to."""
    yield data
    if depth == _DEEPEST:
        return
    try:
        for inner in _unpacked(data):
            yield from layers(inner, depth + 1)
    except (OSError, ValueError, EOFError, zlib.error, zipfile.BadZipFile, tarfile.TarError):
        if depth == 0:  # deeper down, what was unpacked may look like a file and be none
            raise


def _unpacked(data: bytes) -> Iterator[bytes]:
    text = data.decode("utf-8", "ignore") if b"&" in data or b"%" in data else ""
    if "&#" in text or "&amp;" in text:
        yield html.unescape(text).encode()
    if re.search(rb"%[0-9A-Fa-f]{2}", data) and b"\0" not in data:
        yield unquote_to_bytes(data)
    for match in re.finditer(rb"[A-Za-z0-9+/_-]{16,}={0,2}", data):
        whole = match.group().replace(b"-", b"+").replace(b"_", b"/").rstrip(b"=")
        for start in range(4 if len(whole) < 4096 else 1):
            piece = whole[start:]
            try:
                yield base64.b64decode(piece[: len(piece) // 4 * 4])
            except binascii.Error:
                continue
    for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", data):
        try:
            inner = zlib.decompressobj().decompress(data[match.start() :], 50_000_000)
        except zlib.error:
            continue
        if inner:
            yield inner
    if data.startswith(b"\x1f\x8b\x08"):
        yield gzip.decompress(data)
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield "\n".join(archive.namelist()).encode()
            yield from (archive.read(name) for name in archive.namelist())
    if data[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                yield f"{member.name} {member.uname} {member.gname} {member.pax_headers}".encode()
                if member.isfile():
                    yield tar.extractfile(member).read()  # type: ignore[union-attr]
    if len(data) > 12 and data[:4] == data[-4:] == b"PAR1":
        table = pd.read_parquet(io.BytesIO(data))
        yield table.to_csv().encode()
    if data.startswith(b"\x89HDF\r\n"):
        with h5py.File(io.BytesIO(data)) as file:
            yield repr(dict(file.attrs)).encode()
            for name, part in file.items():
                yield f"{name} {dict(part.attrs)} ".encode() + repr(part[:].tolist()).encode()
