"""Pages that are filled with blocks from the top down, and remember where their texts are."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from typing import Any

import numpy as np
import yaml
from faker import Faker
from numpy.typing import ArrayLike
from PIL import Image, ImageChops, ImageDraw

from anonbench.core.boxes import Region, rectangle
from anonbench.core.libraries.opencv import cv2
from anonbench.core.vocabulary import Entity
from anonbench_demo.fonts import Family, Font, wrap

Ink = int | tuple[int, int, int]
Block = dict[str, Any]  # its kind with its content, then its options
COMMON = ("repeat", "chance", "gap")
"""Options of all kinds: how often, how probable, and pixels below each repetition."""
LAYOUTS = yaml.safe_load(resources.files(__package__).joinpath("layouts.yaml").read_text("utf-8"))
LABEL = 8.5  # size of small print in pixels
Mark = tuple[Entity, np.ndarray]  # something sensitive on a page, with its corners [4, 2]


@dataclass
class Sheet:
    """A column of a page. Lengths are in pixels; `y` is where the next block begins."""

    image: Image.Image
    fake: Faker
    random: np.random.Generator
    family: Family
    size: float
    left: float
    right: float
    y: float
    floor: float
    ink: Ink = 20
    words: dict[str, str] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)

    @property
    def draw(self) -> ImageDraw.ImageDraw:
        """A pen that draws on the image."""
        return ImageDraw.Draw(self.image)

    def fill(self, blocks: Sequence[Block]) -> None:
        """Draw blocks down to the floor; a block's first key names the method that draws it."""
        for block in blocks:
            options = {name: value for name, value in block.items() if name not in COMMON}
            if self.random.random() >= block.get("chance", 1):
                continue
            for _ in range(self.drawn(block.get("repeat", 1))):
                if self.y < self.floor or "top" in block:
                    own = {name: self.drawn(value) for name, value in options.items()}
                    kind = next(iter(block))
                    getattr(self, kind)(own.pop(kind), **own)
                    self.y += self.drawn(block.get("gap", 0))

    def drawn(self, value: Any) -> Any:
        """Return a setting, of a list a number between its two or one of its texts."""
        if not isinstance(value, list) or isinstance(value[0], dict):
            return value
        if isinstance(value[0], str):
            return value[int(self.random.integers(len(value)))]
        if all(isinstance(end, int) for end in value):
            return int(self.random.integers(value[0], value[1] + 1))
        return float(self.random.uniform(*value))

    def type(self, family: str, size: float | None = None) -> None:
        """Set the type of what follows."""
        self.family, self.size = Family[family], size or self.size

    def part(
        self,
        blocks: Sequence[Block],
        left: float | None = None,
        span: float | None = None,
        top: float | None = None,
    ) -> None:
        """Draw blocks at another place; with a `top` of their own, what follows stays in place."""
        left = self.left if left is None else left
        right = self.right if span is None else left + span
        own = replace(self, left=left, right=right)
        if top is not None:
            own.y, own.floor = top, self.image.height
        own.fill(blocks)
        self.y = own.y if top is None else self.y

    def columns(self, blocks: Sequence[Block], count: int, gutter: float = 14) -> None:
        """Draw blocks in columns, again and again down to the floor."""
        wide = (self.right - self.left + gutter) / count
        for number in range(count):
            left = self.left + number * wide
            column = replace(self, left=left, right=left + wide - gutter)
            while column.y < self.floor:
                column.fill(blocks)
        self.y = self.floor

    def text(
        self,
        text: str,
        size: float | None = None,
        face: str = "regular",
        widths: str = "1",
        indent: float = 0,
        height: float = 0,
        leading: float = 1.25,
        bullet: str = "",
        frame: int = 0,
    ) -> None:
        """Print cells side by side, broken into lines; `frame` is the grey that fills them.

        A line after ^ is centred, one after > ends at the right, one after _ is a small label.
        """
        bottom = self.y + height
        text = self.fake.numerify(text)
        for name, value in self.words.items():
            text = text.replace(f"{{{{{name}}}}}", value)
        cells = str(self.fake.parse(text)).split("|")
        shares = np.array([float(share) for share in widths.split()] * len(cells))[: len(cells)]
        edges = np.append(0, np.cumsum(shares / shares.sum())) * (self.right - self.left)
        for cell, start, end in zip(cells, edges.tolist(), edges[1:].tolist(), strict=False):
            left, right, y = self.left + start, self.left + end, self.y + (2 if frame else 0)
            if frame:
                self.draw.rectangle([left, self.y, right, self.y + height], frame, 40)
            self._bullet(bullet, left + indent)
            left, right = left + indent + (15 if bullet else 0), right - indent
            for line in cell.strip(" ").split("\n"):
                own = LABEL if line.startswith("_") else size or self.size
                font = self.family.font(own, face)
                places = {"^": ("ms", (left + right) / 2), ">": ("rs", right)}
                anchor, x = places.get(line[:1], ("ls", left))
                for part in wrap(line.lstrip("^>_"), font, right - left) or [""]:
                    if y < self.floor:
                        self.print(x, y + font.size, part, font, anchor)
                        y += font.size * leading
            bottom = max(bottom, y)
        self.y = bottom

    def print(
        self,
        x: float,
        y: float,
        text: str,
        font: Font,
        anchor: str = "ls",
        ink: Ink | None = None,
        entity: Entity = Entity.TEXT,
    ) -> None:
        """Print a line on the baseline y, from x or as Pillow's anchor says, and mark it."""
        if text.strip():
            self.draw.text((x, y), text, ink or self.ink, font, anchor)
            left, top, right, bottom = font.getbbox(text, anchor=anchor)
            self.mark(entity, (x + left - 1, y + top - 1, x + right + 1, y + bottom + 1))

    def mark(self, entity: Entity, box: tuple[float, float, float, float]) -> None:
        """Remember an upright region."""
        self.marks.append((entity, rectangle(*box)))

    def rule(self, width: int) -> None:
        """Draw a line across."""
        self.draw.line([(self.left, self.y), (self.right, self.y)], fill=30, width=width)
        self.y += width

    def box(self, height: float, fill: int | None = None, width: int = 1) -> None:
        """Draw a frame around what follows."""
        corners = [self.left - 6, self.y, self.right + 6, self.y + height]
        self.draw.rectangle(corners, fill, 40, width)

    def signature(self, length: float) -> None:
        """Write something illegible in ink."""
        t, phase = np.linspace(0, 1, 60), self.random.uniform(0, 6.28, 3)
        height = 9 * (1 - 0.6 * t) * (0.6 + 0.4 * np.sin(t * 9 + phase[1]))
        x = self.left + length * t + 4 * np.sin(t * 30 + phase[2])
        self._path(x, self.y + 14 + height * np.sin(t * 34 + phase[0]), 50, 2)
        self.y += 26

    def chart(self, height: float, bars: bool = False) -> None:
        """Draw curves or bars over numbered axes."""
        left, right, low = self.left + 12, self.right, self.y + height
        x = np.linspace(left + 14, right - 14, 6)
        for number in range(1 if bars else 3):
            y = low - height * self.random.uniform(0.15, 0.95, len(x))
            if bars:
                for place, top in zip(x.tolist(), y.tolist(), strict=True):
                    self.draw.rectangle([place - 14, top, place + 14, low], fill=100)
            else:
                self._path(x, y, 20 + 50 * number, 1 + number % 2)
        self._path([left, left, right], [self.y, low, low], 30, 1)
        self.y = low + 2
        self.text("^0 | ^5 | ^10 | ^15 | ^20 | ^25", size=LABEL)

    def picture(self, height: float, dots: bool = False) -> None:
        """Print a photograph of a landscape, in newspaper dots or smooth."""
        width, high = int(self.right - self.left), int(height)
        rows, columns = np.mgrid[0:high, 0:width].astype(np.float32)
        tone = 0.92 - 0.35 * rows / high
        for number in range(3):
            wave = np.sin(columns / self.random.uniform(14, 60) + self.random.uniform(0, 6))
            tone[rows > high * (0.4 + 0.18 * number + 0.07 * wave)] = 0.62 - 0.2 * number
        sun = self.random.uniform(0.2, 0.8) * width, 0.2 * high
        tone[np.hypot(columns - sun[0], rows - sun[1]) < 0.1 * high] = 1.0
        if dots:
            tone = 0.7 * tone + 0.15 * np.cos(columns * 1.6) * np.cos(rows * 1.6) + 0.15
        pixels = Image.fromarray((tone * 235 + 15).astype(np.uint8))
        self.image.paste(pixels, (int(self.left), int(self.y)))
        self.y += height

    def shade(self, white: int) -> None:
        """Turn the page so far into one of darker paper."""
        self.image.paste(ImageChops.multiply(self.image, Image.new("L", self.image.size, white)))

    def tremble(self, pixels: float) -> None:
        """Bend the ink smoothly: no two letters stay alike."""
        width, height = self.image.size
        places = np.stack(np.meshgrid(np.arange(width), np.arange(height))).astype(np.float32)
        coarse = self.random.normal(0, pixels, (2, height // 11, width // 11)).astype(np.float32)
        for place, move in zip(places, coarse, strict=True):
            place += cv2.resize(move, (width, height), interpolation=cv2.INTER_CUBIC)
        page, (x, y) = np.array(self.image), places
        bent = cv2.remap(page, x, y, cv2.INTER_LINEAR, borderValue=(255,))
        self.image.paste(Image.fromarray(bent))
        wider = 2 * pixels * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
        self.marks[:] = [(entity, corners + wider) for entity, corners in self.marks]

    def rulings(self, leading: float) -> None:
        """Rule the paper under the ink, below each line of the text."""
        paper, step = Image.new("L", self.image.size, 255), leading * self.size
        for y in np.arange((self.y + self.size + 4) % step, paper.height, step).tolist():
            ImageDraw.Draw(paper).line([(0, y), (paper.width, y)], fill=185)
        self.image.paste(ImageChops.darker(self.image, paper))

    def regions(self, transform: np.ndarray, width: int, height: int) -> list[Region]:
        """The marks after an affine transform [2, 3], cut at the edges of an image of that size."""
        found = []
        for entity, corners in self.marks:
            moved = corners @ transform[:, :2].T + transform[:, 2]
            quad = np.clip(moved, 0, (width, height))
            (x0, y0), (x1, y1) = quad.min(axis=0).tolist(), quad.max(axis=0).tolist()
            if x1 - x0 >= 2 and y1 - y0 >= 2:
                found.append(Region(entity, x0, y0, x1, y1, 1.0, tuple(quad.ravel().tolist())))
        return found

    def _path(self, x: ArrayLike, y: ArrayLike, ink: int, width: int) -> None:
        path = np.column_stack([np.asarray(x), np.asarray(y)])
        self.draw.line(path.ravel().tolist(), fill=ink, width=width, joint="curve")

    def _bullet(self, kind: str, x: float) -> None:
        """Draw a dot, or a circle or a box that may be marked."""
        draw, y = self.draw, self.y + 4
        if kind == "dot":
            draw.ellipse([x + 4, y + 2, x + 9, y + 7], fill=20)
        elif kind:
            shape = draw.ellipse if kind == "circle" else draw.rectangle
            shape([x, y, x + 9, y + 9], outline=30)
            if self.random.random() < 0.3:
                shape([x + 2, y + 2, x + 7, y + 7], fill=30)
