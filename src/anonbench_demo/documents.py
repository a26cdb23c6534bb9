"""Office documents of the 16 RVL-CDIP classes: grey scans and their true texts."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from faker import Faker

from anonbench.core.numeric.seeding import hash_int, rng
from anonbench_demo import office, papers, posters
from anonbench_demo.fonts import Family
from anonbench_demo.listing import Drawing
from anonbench_demo.page import Page, moved
from anonbench_demo.scan import askew, scan_page
from anonbench_demo.sheet import Sheet

WIDTH, HEIGHT = 496, 640

LAYOUTS: dict[str, Callable[[Sheet], None]] = {
    "letter": papers.letter,
    "form": office.form,
    "email": papers.email,
    "handwritten": papers.handwritten,
    "advertisement": posters.advertisement,
    "scientific report": papers.scientific_report,
    "scientific publication": papers.scientific_publication,
    "specification": office.specification,
    "file folder": posters.file_folder,
    "news article": papers.news_article,
    "budget": office.budget,
    "invoice": office.invoice,
    "presentation": posters.presentation,
    "questionnaire": office.questionnaire,
    "resume": papers.resume,
    "memo": papers.memo,
}
"""The classes by RVL-CDIP's names and in its order."""


@lru_cache(maxsize=1)
def _faker() -> Faker:
    return Faker("en_US")


def draw(seed: int, name: str, key: str) -> Drawing:
    """Draw the document `key` of a class: uint8 [640, 496] with its lines of text."""
    random = rng(seed, "document", name, key)
    fake = _faker()
    fake.seed_instance(hash_int(seed, "faker", name, key))
    family = list(Family)[int(random.integers(len(Family)))]
    sheet = Sheet(Page(WIDTH, HEIGHT), fake, random, family, margin=random.uniform(34, 58))
    LAYOUTS[name](sheet)
    size = WIDTH, HEIGHT
    transform = askew(size, size, random, sway=(1.0, 2.5), least=0.86, room=(8, 8))
    image = scan_page(sheet.page.pixels(), transform, random)
    return Drawing(image, moved(sheet.page.marks, transform, WIDTH, HEIGHT))
