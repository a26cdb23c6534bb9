"""Ways to write a file that holds more, or something else, than the hidden image."""

import io
import struct
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin
from scenes import JPEG_QUALITY, Scene

from image_files import chunk, coded

Sabotage = Callable[[Scene], bytes]
CANARY = b"Erika Mustermann, born 12.8.1964"


def as_asked(scene: Scene, **options: Any) -> bytes:
    if scene.settings.format == "png":
        return coded(scene.honest, "PNG", **options)
    return coded(scene.honest, "JPEG", quality=JPEG_QUALITY, **options)


def exif(tag: int, value: object) -> Image.Exif:
    found = Image.Exif()
    found[tag] = value
    return found


def with_chunk(scene: Scene, name: bytes, body: bytes) -> bytes:
    data = scene.code(scene.honest)
    return data[:33] + chunk(name, body) + data[33:]


def with_segment(scene: Scene, marker: int, body: bytes) -> bytes:
    data = scene.code(scene.honest)
    return data[:20] + bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body + data[20:]


def thumbnail(scene: Scene) -> bytes:
    return coded(Image.fromarray(scene.original).resize((25, 20)), "JPEG")


def stream(scene: Scene) -> bytes:
    return scene.code(scene.honest)[41:-16]


def rows(scene: Scene) -> np.ndarray:
    return scene.honest.reshape(len(scene.honest), -1)


def png(scene: Scene, *streams: bytes, end: bytes = b"", size: bytes = b"") -> bytes:
    """Return a PNG file of other compressed rows, or of another size."""
    head = scene.code(scene.honest)[:33]
    if size:
        head = head[:8] + chunk(b"IHDR", size)
    return head + b"".join(chunk(b"IDAT", each) for each in streams) + chunk(b"IEND", end)


def header(scene: Scene, depth: int = 8) -> bytes:
    kind = 2 if scene.honest.ndim == 3 else 0
    return struct.pack(">IIBBBBB", *scene.honest.shape[1::-1], depth, kind, 0, 0, 0)


def with_alpha(scene: Scene, alpha: np.ndarray) -> bytes:
    image = Image.fromarray(scene.honest)
    image.putalpha(Image.fromarray(alpha).convert("L"))
    return coded(image, "PNG")


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
    "the_other_format": lambda scene: coded(
        scene.honest, "JPEG" if scene.settings.format == "png" else "PNG"
    ),
    "bytes_before_the_start": lambda scene: b"\0" + scene.code(scene.honest),
    "the_hidden_image_twice": lambda scene: 2 * scene.code(scene.honest),
    "cut_short": lambda scene: scene.code(scene.honest)[:-400],
}
CHUNKS = {
    "compressed_text": (b"zTXt", b"Author\0\0" + zlib.compress(b"a name")),
    "time_kept": (b"tIME", bytes(7)),
    "gamma": (b"gAMA", bytes(4)),
    "exif_chunk": (b"eXIf", b"MM\0*" + bytes(8)),
    "private_chunk": (b"prVt", CANARY),
    "transparent_colour": (b"tRNS", bytes(6)),
    "background_colour": (b"bKGD", bytes(6)),
    "empty_chunks": (b"IDAT", b""),
}
PNG: dict[str, Sabotage] = {
    **BOTH,
    **{name: partial(with_chunk, name=kind, body=body) for name, (kind, body) in CHUNKS.items()},
    "second_frame": lambda scene: as_asked(
        scene, save_all=True, append_images=[Image.fromarray(scene.original)]
    ),
    "text_behind_the_pixels": lambda scene: (
        png(scene, stream(scene))[:-12] + chunk(b"tEXt", b"a\0name") + chunk(b"IEND", b"")
    ),
    "alpha_kept": lambda scene: with_alpha(scene, np.full(scene.honest.shape[:2], 255, np.uint8)),
    "original_in_the_alpha_channel": lambda scene: with_alpha(scene, scene.original),
    "few_colours_in_a_palette": lambda scene: coded(
        Image.fromarray(scene.honest).convert("P"), "PNG"
    ),
    "rows_below_the_image": lambda scene: png(
        scene, zlib.compress(zlib.decompress(stream(scene)) + scene.original.tobytes())
    ),
    "bytes_behind_the_compressed_pixels": lambda scene: png(
        scene, stream(scene) + thumbnail(scene)
    ),
    "two_compressed_streams": lambda scene: png(
        scene, stream(scene) + zlib.compress(thumbnail(scene))
    ),
    "pixels_compressed_twice": lambda scene: png(scene, zlib.compress(stream(scene))),
    "pixels_in_chunks_whose_lengths_tell": lambda scene: png(
        scene, stream(scene)[: ord("a")], stream(scene)[ord("a") :]
    ),
    "bytes_in_the_end_chunk": lambda scene: png(scene, stream(scene), end=thumbnail(scene)),
    "a_row_too_few": lambda scene: png(
        scene, zlib.compress(zlib.decompress(stream(scene))[: -1 - rows(scene).shape[1]])
    ),
    "a_wrong_checksum": lambda scene: (
        scene.code(scene.honest)[:-16] + bytes(4) + scene.code(scene.honest)[-12:]
    ),
    "two_headers": lambda scene: with_chunk(scene, b"IHDR", header(scene)),
    "interlaced": lambda scene: png(scene, stream(scene), size=header(scene)[:-1] + b"\1"),
    "many_pixels_declared": lambda scene: png(
        scene, stream(scene), size=struct.pack(">II", 60_000, 60_000) + header(scene)[8:]
    ),
}
JPEG: dict[str, Sabotage] = {
    **BOTH,
    "exif_thumbnail": lambda scene: with_segment(scene, 0xE1, b"Exif\0\0" + thumbnail(scene)),
    "jfif_thumbnail": lambda scene: with_segment(scene, 0xE0, b"JFXX\0\x10" + thumbnail(scene)),
    "xmp": lambda scene: with_segment(scene, 0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"),
    "adobe_marker": lambda scene: with_segment(scene, 0xEE, b"Adobe\0d\0\0\0\0\1"),
    "two_heads": lambda scene: scene.code(scene.honest)[:20] + scene.code(scene.honest)[2:],
    "colours_of_print": lambda scene: coded(
        Image.fromarray(scene.honest).convert("CMYK"), "JPEG", quality=JPEG_QUALITY
    ),
    "lower_quality": lambda scene: coded(scene.honest, "JPEG", quality=JPEG_QUALITY - 1),
    "higher_quality": lambda scene: coded(scene.honest, "JPEG", quality=JPEG_QUALITY + 5),
    "progressive": lambda scene: as_asked(scene, progressive=True),
    "optimized_tables": lambda scene: as_asked(scene, optimize=True),
    "restart_markers": lambda scene: as_asked(scene, restart_marker_rows=1),
    "a_private_segment": lambda scene: with_segment(scene, 0xEC, thumbnail(scene)),
    "a_table_of_words_that_no_component_uses": lambda scene: with_segment(
        scene, 0xDB, b"\x03" + CANARY.ljust(64, b".")
    ),
    "colour_as_fine_as_brightness": lambda scene: (
        as_asked(scene, subsampling=0)
        if scene.honest.ndim == 3
        else with_segment(scene, 0xFE, b"a name")
    ),
    "fill_bytes_between_segments": lambda scene: (
        scene.code(scene.honest)[:20] + b"\xff" * 7 + scene.code(scene.honest)[20:]
    ),
    "bytes_behind_the_last_block": lambda scene: (
        scene.code(scene.honest)[:-2] + CANARY + scene.code(scene.honest)[-2:]
    ),
    "preview_as_second_frame": lambda scene: coded(
        Image.fromarray(scene.honest), "MPO", quality=JPEG_QUALITY,
        save_all=True, append_images=[Image.fromarray(scene.original)],
    ),
}  # fmt: skip


def sabotage(*kinds: dict[str, Sabotage]) -> Callable[[Sabotage], Sabotage]:
    def register(function: Sabotage) -> Sabotage:
        for kind in kinds:
            kind[function.__name__] = function
        return function

    return register


@sabotage(PNG, JPEG)
def a_bit_flipped(scene: Scene) -> bytes:
    data = bytearray(scene.code(scene.honest))
    data[len(data) * 3 // 4] ^= 16
    return bytes(data)


@sabotage(PNG, JPEG)
def a_comment(scene: Scene) -> bytes:
    if scene.settings.format == "jpeg":
        return as_asked(scene, comment="a name")
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "a name")
    return as_asked(scene, pnginfo=info)


@sabotage(PNG)
def deep_with_the_original_below(scene: Scene) -> bytes:
    """16 bits: above the hidden image, below the original; decoders that cut see the first."""
    deep = np.stack([scene.honest, scene.original], axis=-1).reshape(len(scene.honest), -1)
    coded = b"".join(b"\0" + row.tobytes() for row in deep)
    return png(scene, zlib.compress(coded), size=header(scene, depth=16))


@sabotage(PNG)
def filters_that_spell_a_message(scene: Scene) -> bytes:
    """The same pixels, each row filtered by another rule: a bit a row."""
    shown = rows(scene)
    above = np.vstack([np.zeros_like(shown[:1]), shown[:-1]])
    coded = b""
    for number in range(len(shown)):
        is_up = b"a name"[number % 6] >> number % 7 & 1
        coded += bytes([2 * is_up]) + (shown - is_up * above)[number].tobytes()
    return png(scene, zlib.compress(coded))


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
    return coded(scene.honest, "JPEG", qtables=tables)
