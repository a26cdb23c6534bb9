"""Files of images, and drawn codes."""

import io
import struct
import zlib

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


def qr(text: str, scale: int = 3, margin: int | tuple[int, int] = 16, **how: str) -> np.ndarray:
    """Return a QR code with a white margin, uint8 [H, W]."""
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, **how)
    pixels = np.array(zxingcpp.write_barcode_to_image(code, scale=scale))
    return np.pad(pixels, margin, constant_values=255)
