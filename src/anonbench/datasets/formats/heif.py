"""HEIC images, where the optional package that decodes them is installed."""

from __future__ import annotations

import functools
from importlib.util import find_spec

FORMAT = "HEIF"
"""Pillow's name for it."""
EXTRA = "the extra `heic`"
"""Extra of the installation, optional because the package bundles libraries under the LGPL."""


@functools.cache
def reads_heif() -> bool:
    """Check whether HEIC images can be decoded here."""
    return find_spec("pillow_heif") is not None


@functools.cache
def register() -> tuple[str, ...]:
    """Make Pillow decode HEIC if possible; return the formats that this adds."""
    if not reads_heif():
        return ()
    import pillow_heif

    pillow_heif.register_heif_opener(
        thumbnails=False, depth_images=False, aux_images=False, decode_threads=1
    )
    return (FORMAT,)
