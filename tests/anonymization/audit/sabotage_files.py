"""Ways to write a file that holds more, or something else, than the hidden image."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin
from scenes import JPEG_QUALITY, Scene

Sabotage = Callable[[Scene], bytes]


def saved(pixels: np.ndarray, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def as_asked(scene: Scene, **options: Any) -> bytes:
    if scene.settings.format == "png":
        return saved(scene.honest, "PNG", **options)
    return saved(scene.honest, "JPEG", quality=JPEG_QUALITY, **options)


def exif(tag: int, value: object) -> Image.Exif:
    found = Image.Exif()
    found[tag] = value
    return found


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def with_chunk(scene: Scene, name: bytes, body: bytes) -> bytes:
    data = scene.code(scene.honest)
    return data[:33] + chunk(name, body) + data[33:]


def with_segment(scene: Scene, marker: int, body: bytes) -> bytes:
    data = scene.code(scene.honest)
    return data[:20] + bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body + data[20:]


def thumbnail(scene: Scene) -> bytes:
    small = Image.fromarray(scene.original).resize((25, 20))
    file = io.BytesIO()
    small.save(file, "JPEG")
    return file.getvalue()


BOTH: dict[str, Sabotage] = {
    "exif_turns_it": lambda scene: as_asked(scene, exif=exif(0x0112, 6)),
    "exif_description": lambda scene: as_asked(scene, exif=exif(0x010E, "a name")),
    "colour_profile": lambda scene: as_asked(
        scene, icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    ),
    "resolution_kept": lambda scene: as_asked(scene, dpi=(300, 300)),
    "thumbnail_behind_the_end": lambda scene: scene.code(scene.honest) + thumbnail(scene),
    "one_byte_behind_the_end": lambda scene: scene.code(scene.honest) + b"\0",
    "the_original_behind_the_end": lambda scene: (
        scene.code(scene.honest) + scene.code(scene.original)
    ),
    "the_original_itself": lambda scene: scene.code(scene.original),
    "empty": lambda scene: b"",
    "no_image": lambda scene: b"GIF89a" + bytes(100),
    "the_other_format": lambda scene: saved(
        scene.honest, "JPEG" if scene.settings.format == "png" else "PNG"
    ),
    "bytes_before_the_start": lambda scene: b"\0" + scene.code(scene.honest),
    "the_hidden_image_twice": lambda scene: 2 * scene.code(scene.honest),
}
PNG: dict[str, Sabotage] = {
    **BOTH,
    "second_frame": lambda scene: as_asked(
        scene, save_all=True, append_images=[Image.fromarray(scene.original)]
    ),
    "compressed_text": lambda scene: with_chunk(
        scene, b"zTXt", b"Author\0\0" + zlib.compress(b"a name")
    ),
    "time_kept": lambda scene: with_chunk(scene, b"tIME", bytes(7)),
    "private_chunk": lambda scene: with_chunk(scene, b"prVt", thumbnail(scene)),
    "transparent_colour": lambda scene: with_chunk(
        scene, b"tRNS", bytes(2 * (3 if scene.honest.ndim == 3 else 1))
    ),
    "rows_below_the_image": lambda scene: plain(scene, more=scene.original.tobytes()),
    "bytes_behind_the_compressed_pixels": lambda scene: plain(scene, behind=thumbnail(scene)),
    "empty_chunks": lambda scene: with_chunk(scene, b"IDAT", b""),
    "bytes_in_the_end_chunk": lambda scene: plain(scene, end=thumbnail(scene)),
    "background_colour": lambda scene: with_chunk(
        scene, b"bKGD", bytes(2 * (3 if scene.honest.ndim == 3 else 1))
    ),
}
JPEG: dict[str, Sabotage] = {
    **BOTH,
    "exif_thumbnail": lambda scene: with_segment(scene, 0xE1, b"Exif\0\0" + thumbnail(scene)),
    "jfif_thumbnail": lambda scene: with_segment(scene, 0xE0, b"JFXX\0\x10" + thumbnail(scene)),
    "xmp": lambda scene: with_segment(scene, 0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"),
    "lower_quality": lambda scene: saved(scene.honest, "JPEG", quality=JPEG_QUALITY - 1),
    "higher_quality": lambda scene: saved(scene.honest, "JPEG", quality=JPEG_QUALITY + 5),
    "progressive": lambda scene: as_asked(scene, progressive=True),
    "optimized_tables": lambda scene: as_asked(scene, optimize=True),
    "restart_markers": lambda scene: as_asked(scene, restart_marker_rows=1),
    "a_private_segment": lambda scene: with_segment(scene, 0xEC, thumbnail(scene)),
    "a_table_of_words_that_no_component_uses": lambda scene: with_segment(
        scene, 0xDB, b"\x03" + b"Erika Mustermann, born 12.8.1964".ljust(64, b".")
    ),
}


def sabotage(*kinds: dict[str, Sabotage]) -> Callable[[Sabotage], Sabotage]:
    def register(function: Sabotage) -> Sabotage:
        for kind in kinds:
            kind[function.__name__] = function
        return function

    return register


@sabotage(PNG, JPEG)
def cut_short(scene: Scene) -> bytes:
    data = scene.code(scene.honest)
    return data[: len(data) * 2 // 3]


@sabotage(PNG, JPEG)
def a_bit_flipped(scene: Scene) -> bytes:
    data = bytearray(scene.code(scene.honest))
    data[len(data) * 3 // 4] ^= 16
    return bytes(data)


@sabotage(PNG, JPEG)
def a_comment(scene: Scene) -> bytes:
    if scene.settings.format == "png":
        info = PngImagePlugin.PngInfo()
        info.add_text("Comment", "a name")
        return as_asked(scene, pnginfo=info)
    return as_asked(scene, comment="a name")


@sabotage(PNG)
def alpha_kept(scene: Scene) -> bytes:
    image = Image.fromarray(scene.honest)
    image.putalpha(Image.fromarray(np.full(scene.honest.shape[:2], 255, np.uint8)))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@sabotage(PNG)
def original_in_the_alpha_channel(scene: Scene) -> bytes:
    image = Image.fromarray(scene.honest)
    image.putalpha(Image.fromarray(scene.original).convert("L"))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@sabotage(PNG)
def deep_with_the_original_below(scene: Scene) -> bytes:
    """16 bits: above the hidden image, below the original; decoders that cut see the first."""
    deep = np.stack([scene.honest, scene.original], axis=-1).reshape(len(scene.honest), -1)
    rows = b"".join(b"\0" + row.tobytes() for row in deep)
    height, width = scene.honest.shape[:2]
    kind = 2 if scene.honest.ndim == 3 else 0
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def plain(scene: Scene, more: bytes = b"", behind: bytes = b"", end: bytes = b"") -> bytes:
    height, width = scene.honest.shape[:2]
    kind = 2 if scene.honest.ndim == 3 else 0
    shown = scene.honest.reshape(height, -1)
    if kind:  # rows of colours are filtered by `Up`, which has the same number
        shown = np.vstack([shown[:1], shown[1:] - shown[:-1]])
    rows = b"".join(bytes([kind]) + row.tobytes() for row in shown)
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    stream = zlib.compress(rows + more) + behind
    parts = [(b"IHDR", header), (b"IDAT", stream), (b"IEND", end)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@sabotage(PNG)
def two_headers(scene: Scene) -> bytes:
    data = scene.code(scene.honest)
    return data[:33] + data[8:33] + data[33:]


@sabotage(PNG)
def interlaced(scene: Scene) -> bytes:
    data = scene.code(scene.honest)
    return data[:8] + chunk(b"IHDR", data[16:28] + b"\1") + data[33:]


@sabotage(PNG)
def many_pixels_declared(scene: Scene) -> bytes:
    data = scene.code(scene.honest)
    header = struct.pack(">II", 60_000, 60_000) + data[24:29]
    return data[:8] + chunk(b"IHDR", header) + data[33:]


@sabotage(PNG)
def few_colours_in_a_palette(scene: Scene) -> bytes:
    image = Image.fromarray(scene.honest).convert("P")
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@sabotage(JPEG)
def preview_as_second_frame(scene: Scene) -> bytes:
    file = io.BytesIO()
    Image.fromarray(scene.honest).save(
        file,
        "MPO",
        quality=JPEG_QUALITY,
        save_all=True,
        append_images=[Image.fromarray(scene.original)],
    )
    return file.getvalue()


@sabotage(JPEG)
def original_in_single_blocks(scene: Scene) -> bytes:
    """The original in the blocks that lie wholly inside a region, as a mix of two files shows."""
    mixed = scene.honest.copy()
    mixed[8:24, 16:32] = scene.original[8:24, 16:32]
    return scene.code(mixed)


@sabotage(JPEG)
def nearly_the_same_quantization(scene: Scene) -> bytes:
    with Image.open(io.BytesIO(scene.code(scene.honest))) as image:
        tables = {k: list(v) for k, v in image.quantization.items()}  # type: ignore[attr-defined]
    tables[0][63] -= 1
    return saved(scene.honest, "JPEG", qtables=tables)


@sabotage(JPEG)
def bytes_behind_the_last_block(scene: Scene) -> bytes:
    data = scene.code(scene.honest)
    return data[:-2] + thumbnail(scene)[:40].replace(b"\xff", b"\0") + data[-2:]


def packed(scene: Scene, rows: bytes, level: int = 6) -> list[bytes]:
    """Return the chunks of a PNG file with rows as they are filtered."""
    data = scene.code(scene.honest)
    parts = [(b"IDAT", zlib.compress(rows, level)), (b"IEND", b"")]
    return [data[:33], *(chunk(*part) for part in parts)]


@sabotage(PNG)
def filters_that_spell_a_message(scene: Scene) -> bytes:
    """The same pixels, each row filtered by another rule: two bits a row."""
    shown = scene.honest.reshape(len(scene.honest), -1)
    above = np.vstack([np.zeros_like(shown[:1]), shown[:-1]])
    ways = (shown, None, shown - above)
    rows = b""
    for number in range(len(shown)):
        kind = 2 * (b"a name"[number % 6] >> number % 7 & 1)
        rows += bytes([kind]) + ways[kind][number].tobytes()  # type: ignore[index]
    return b"".join(packed(scene, rows))


@sabotage(PNG)
def pixels_in_chunks_whose_lengths_tell(scene: Scene) -> bytes:
    data = scene.code(scene.honest)
    size = int.from_bytes(data[33:37], "big")
    stream = data[41 : 41 + size]
    parts = [stream[: ord("a")], stream[ord("a") : 99 + ord("n")], stream[99 + ord("n") :]]
    return data[:33] + b"".join(chunk(b"IDAT", part) for part in parts) + data[-12:]


@sabotage(PNG)
def a_row_too_few(scene: Scene) -> bytes:
    shown = scene.honest.reshape(len(scene.honest), -1)[:-1]
    return b"".join(packed(scene, b"".join(b"\0" + row.tobytes() for row in shown)))


@sabotage(PNG)
def a_wrong_checksum(scene: Scene) -> bytes:
    data = scene.code(scene.honest)
    return data[:-16] + bytes(4) + data[-12:]


@sabotage(PNG)
def two_compressed_streams(scene: Scene) -> bytes:
    data = scene.code(scene.honest)
    stream = data[41 : 41 + int.from_bytes(data[33:37], "big")]
    return data[:33] + chunk(b"IDAT", stream + zlib.compress(thumbnail(scene))) + data[-12:]


@sabotage(JPEG)
def colour_as_fine_as_brightness(scene: Scene) -> bytes:
    if scene.honest.ndim == 2:
        return with_segment(scene, 0xFE, b"a name")
    return as_asked(scene, subsampling=0)


@sabotage(JPEG)
def fill_bytes_between_segments(scene: Scene) -> bytes:
    data = scene.code(scene.honest)
    return data[:20] + b"\xff" * 7 + data[20:]
