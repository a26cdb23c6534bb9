"""A folder of odd files, generated: what real archives hold, and what attackers put there."""

import struct
import unicodedata
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageCms

from image_files import chunk, coded, turned
from pdf_files import pages as pdf

NFC = unicodedata.normalize("NFC", "Müller")
NFD = unicodedata.normalize("NFD", "Müller")


def picture(seed: int, size: tuple[int, int] = (48, 32), mode: str = "RGB") -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).convert(mode)


def text_page(text: str) -> bytes:
    return f"BT /F 24 Tf 10 30 Td ({text}) Tj ET".encode()


ENCRYPTED = (
    "/ID [<00112233445566778899aabbccddeeff> <00112233445566778899aabbccddeeff>] "
    f"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{'11' * 32}> /U <{'22' * 32}> >>"
)
"""Of a trailer: a password is needed that nobody knows."""


def claimed_png(width: int, height: int) -> bytes:
    """Return a PNG that claims a size and holds nothing."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def grey_profile() -> bytes:
    """Return a colour profile that is not sRGB's: that of L*a*b*, which any image may carry."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def write_odd_folder(root: Path) -> None:
    frames = [picture(n) for n in (90, 91, 92)]
    deep = (np.arange(32 * 48).reshape(32, 48) * 42).astype(np.uint16)
    files = {
        "plain.png": coded(picture(1), "PNG"),
        "Ordner mit Leerzeichen/tief/Bild 1.JPG": coded(picture(2), "JPEG", quality=95),
        f"{NFC}.png": coded(picture(3), "PNG"),
        f"{NFD}.png": coded(picture(4), "PNG"),
        "身分証/表.png": coded(picture(5), "PNG"),
        "party 🎉.png": coded(picture(6), "PNG"),
        "two.png": coded(picture(7), "PNG"),
        "two.jpg": coded(picture(8), "JPEG"),
        "turned.jpg": coded(picture(9), "JPEG", exif=turned()),
        "cmyk.jpg": coded(picture(10, mode="CMYK"), "JPEG"),
        "deep.png": coded(Image.fromarray(deep), "PNG"),
        "deep_colour.png": cv2.imencode(".png", np.dstack([deep, deep, deep + 9]))[1].tobytes(),
        "deep.tif": coded(Image.fromarray(deep + 1), "TIFF"),
        "alpha.png": coded(picture(11, mode="RGBA"), "PNG"),
        "palette.gif": coded(picture(12), "GIF"),
        "profile.png": coded(picture(13, mode="L"), "PNG", icc_profile=grey_profile()),
        "lab.tif": coded(Image.new("LAB", (48, 32), (128, 200, 90)), "TIFF"),
        "moving.gif": coded(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "moving.webp": coded(frames[1], "WEBP", save_all=True, append_images=frames[2:]),
        "still.webp": coded(picture(14), "WEBP", lossless=True),
        "Akte.TIF": coded(frames[2], "TIFF", save_all=True, append_images=frames[:2]),
        "brief.pdf": pdf([text_page(f"page {n}") for n in (1, 2, 3)]),
        "one.PDF": pdf([text_page("alone")]),
        "wrong.pdf": coded(picture(15), "JPEG"),
        "wrong.tif": coded(picture(16), "PNG"),
        "secret.pdf": pdf([text_page("secret")], trailer=ENCRYPTED),
        "huge.pdf": pdf([b""], media="0 0 1000000 1000000"),
        "cut.pdf": pdf([text_page("cut")])[:200],
        "document.jpg": pdf([text_page("no picture")]),
        "bomb.png": claimed_png(100_000, 100_000),
        "cut.jpg": coded(picture(17), "JPEG")[:20],
        "empty.png": b"",
        "text.png": b"Dear Sir or Madam,\n",
        "photo": coded(picture(18), "PNG"),
        "notes.txt": b"not an image\n",
        "scan.djvu": b"AT&TFORM",
        ".hidden.png": coded(picture(19), "PNG"),
        "copy.png": coded(picture(1), "PNG"),
    }
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "elsewhere.png").write_bytes(coded(picture(20), "PNG"))
    (root / "link.png").symlink_to("plain.png")
    (root / "gone.png").symlink_to("nowhere.png")
    (root / "itself.png").symlink_to("itself.png")
    (root / "round").symlink_to(root, target_is_directory=True)
    (root / "more").symlink_to(outside, target_is_directory=True)
