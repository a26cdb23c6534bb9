"""Page with its author's words, random numbers and type family."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TypeVar

import numpy as np
from faker import Faker

from anonbench_demo.fonts import Family, Font
from anonbench_demo.page import Page

Choice = TypeVar("Choice")

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


def draw_date(random: np.random.Generator, first: int, last: int) -> date:
    """Draw a day of the years `first` to `last`."""
    low, high = date(first, 1, 1).toordinal(), date(last, 12, 31).toordinal()
    return date.fromordinal(int(random.integers(low, high + 1)))


@dataclass
class Sheet:
    """One document in the making."""

    page: Page
    fake: Faker
    random: np.random.Generator
    family: Family
    margin: float

    @property
    def left(self) -> float:
        """Return the left margin's edge."""
        return self.margin

    @property
    def right(self) -> float:
        """Return the right margin's edge."""
        return self.page.width - self.margin

    @property
    def width(self) -> float:
        """Return the width between the margins."""
        return self.right - self.left

    @property
    def middle(self) -> float:
        """Return the page's vertical axis."""
        return self.page.width / 2

    def between(self, low: float, high: float) -> float:
        """Draw a number."""
        return float(self.random.uniform(low, high))

    def count(self, low: int, high: int) -> int:
        """Draw a whole number, both ends included."""
        return int(self.random.integers(low, high + 1))

    def chance(self, share: float) -> bool:
        """Return True in `share` of the cases."""
        return bool(self.random.random() < share)

    def pick(self, *choices: Choice) -> Choice:
        """Draw one of the choices."""
        return choices[int(self.random.integers(len(choices)))]

    def sentences(self, low: int, high: int) -> str:
        """Draw that many sentences."""
        return " ".join(self.fake.sentences(self.count(low, high)))

    def phrase(self, low: int, high: int) -> str:
        """Draw that many words, the first with a capital."""
        return str(" ".join(self.fake.words(self.count(low, high)))).capitalize()

    def title(self, low: int, high: int) -> str:
        """Draw that many words with capitals."""
        return str(" ".join(self.fake.words(self.count(low, high)))).title()

    def amount(self, low: float, high: float) -> str:
        """Draw a sum of money with thousands' commas."""
        return f"{self.between(low, high):,.2f}"

    def date(self) -> str:
        """Draw a date, written one way or another (Faker's own dates depend on today)."""
        day = draw_date(self.random, 1966, 2008)
        month = MONTHS[day.month - 1]
        return self.pick(
            f"{month} {day.day}, {day.year}",
            f"{day.month:02}/{day.day:02}/{day.year}",
            f"{day.day:02} {month[:3]} {day.year}",
        )

    def paragraph(
        self, y: float, text: str, font: Font, leading: float = 1.25, floor: float | None = None
    ) -> float:
        """Print text between the margins; see `Page.paragraph`."""
        return self.page.paragraph(
            self.left, y, self.width, text, font, leading=leading, floor=floor
        )

    def signature(self, x: float, y: float, length: float) -> None:
        """Write something illegible in ink."""
        t = np.linspace(0, 1, 60)
        phase = self.random.uniform(0, 6.28, 3)
        height = 9 * (1 - 0.6 * t)
        down = height * np.sin(t * 34 + phase[0]) * (0.6 + 0.4 * np.sin(t * 9 + phase[1]))
        across = x + length * t + 4 * np.sin(t * 30 + phase[2])
        path = [(float(a), float(y + d)) for a, d in zip(across, down, strict=True)]
        self.page.draw.line(path, fill=50, width=2, joint="curve")
