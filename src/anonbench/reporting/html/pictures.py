"""Figures of the report, embedded in the page with captions."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Template
from PIL import Image, UnidentifiedImageError

from anonbench.config.outputs import Figure
from anonbench.core.errors import InputError
from anonbench.reporting.labels import metric_label

_LISTED: dict[str, Any] = yaml.safe_load(
    resources.files("anonbench.reporting").joinpath("texts", "figures.yaml").read_text("utf-8")
)
FIGURES: dict[str, dict[str, str]] = _LISTED["figures"]
"""Kinds of figures in the report, in order: page, title, caption."""


@dataclass(frozen=True)
class Picture:
    """A figure as shown on the page."""

    stem: str
    title: str
    alt: str
    source: str
    """Data URI."""
    width: int
    height: int

    @property
    def wide(self) -> bool:
        """Whether it needs the page's full width."""
        return self.width > 800

    @property
    def tall(self) -> bool:
        """Whether it would be too small to read on one printed page."""
        return self.height > 1.6 * self.width


def captions(system: str | None) -> dict[str, str]:
    """Captions by kind of figure.

    Args:
        system: name of the system under test; None if models are trained.
    """
    names = {"system": system or "", "not_shown": _LISTED["not_shown"]}
    return {
        kind: Template(
            each.get("of_system", each["caption"]) if system else each["caption"]
        ).render(**names)
        for kind, each in FIGURES.items()
    }


def data_uri(png: Path) -> tuple[str, int, int]:
    """A PNG as a data URI of a lossless WebP, with its width and height in pixels.

    Raises:
        InputError: it is not a PNG.
    """
    try:
        with Image.open(png, formats=["PNG"]) as image:
            buffer = io.BytesIO()
            image.convert("RGB").save(buffer, "WEBP", lossless=True, method=4)
            width, height = image.size
    except UnidentifiedImageError as error:
        raise InputError(f"{png}: is not a PNG; make the figure again") from error
    source = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"data:image/webp;base64,{source}", width, height


def pictures(figures: Iterable[tuple[Figure, Path]], kind: str) -> list[Picture]:
    """Figures of one kind, prepared for the page from their PNGs.

    Raises:
        InputError: a file is not a PNG.
    """
    shown = []
    for figure, png in figures:
        if figure.kind == kind:
            parts = [
                figure.dataset,
                metric_label(figure.metric) if figure.metric else "",
                f"{figure.query} queries" if figure.query else "",
                f"degree {figure.degree} %" if figure.degree is not None else "",
            ]
            title = ", ".join(filter(None, parts))
            alt = f"{heading(kind)}: {title}."
            shown.append(Picture(figure.stem, title, alt, *data_uri(png)))
    return shown


def heading(kind: str) -> str:
    """Heading of the figures of a kind."""
    return FIGURES[kind]["title"]
