"""Files of images, and drawn codes."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import zxingcpp
from PIL import Image


def coded(image: Image.Image | np.ndarray, kind: str, **options: object) -> bytes:
    """Return an image as a file of a kind that Pillow writes."""
    data = io.BytesIO()
    drawn = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    drawn.save(data, kind, **options)
    return data.getvalue()


def turned(orientation: int = 6) -> Image.Exif:
    """Return EXIF data by which a viewer turns an image; 6: it is stored on its side."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def chunk(name: bytes, body: bytes) -> bytes:
    """Return a chunk of a PNG file."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def tiff(*pages: tuple[bytes, dict[int, Any]]) -> bytes:
    """Return a TIFF file of pages: a strip of 8-bit values and tags, of which pairs are short."""
    data, link = bytearray(b"II*\0" + bytes(4)), 4
    for strip, own in pages:
        start, bands = len(data), own[277]
        data += strip + bytes(len(strip) % 2)
        bits = len(data)
        data += struct.pack(f"<{bands}H", *[8] * bands)
        tags = {259: 1, 273: start, 278: own[257], 279: len(strip)} | own
        rows = [(258, 3, bands, bits if bands > 2 else 8)]
        for tag, value in tags.items():
            is_pair = isinstance(value, tuple)
            rows.append((tag, 3, 2, value[0] | value[1] << 16) if is_pair else (tag, 4, 1, value))
        struct.pack_into("<I", data, link, len(data))
        data += struct.pack("<H", len(rows))
        data += b"".join(struct.pack("<HHII", *row) for row in sorted(rows))
        link = len(data)
        data += bytes(4)
    return bytes(data)


def qr(text: str, scale: int = 3, margin: int | tuple[int, int] = 16, **how: str) -> np.ndarray:
    """Return a QR code with a white margin, uint8 [H, W]."""
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, **how)
    pixels = np.array(zxingcpp.write_barcode_to_image(code, scale=scale))
    return np.pad(pixels, margin, constant_values=255)
