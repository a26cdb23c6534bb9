"""Office documents of the 16 RVL-CDIP classes: grey scans and their true texts."""

from functools import lru_cache

import numpy as np
from faker import Faker
from faker.providers import DynamicProvider
from PIL import Image

from anonbench.core.numeric.seeding import hash_int, rng
from anonbench_demo.fonts import Family
from anonbench_demo.listing import Drawing
from anonbench_demo.scan import askew, scan_page
from anonbench_demo.sheet import LAYOUTS, Sheet

SIZE = WIDTH, HEIGHT = 496, 640


@lru_cache(maxsize=1)
def _faker() -> Faker:
    fake = Faker("en_US")
    for name, words in LAYOUTS["words"].items():
        fake.add_provider(DynamicProvider(name, words, generator=fake))
    return fake


def draw(seed: int, name: str, key: str) -> Drawing:
    """Draw the document `key` of a class: uint8 [640, 496] with its lines of text."""
    random = rng(seed, "document", name, key)
    fake = _faker()
    fake.seed_instance(hash_int(seed, "faker", name, key))
    margin = random.uniform(34, 52)
    sheet = Sheet(
        image=Image.new("L", SIZE, 255),
        fake=fake,
        random=random,
        family=list(Family)[int(random.integers(len(Family)))],
        size=random.uniform(10, 11.5),
        left=margin,
        right=WIDTH - margin,
        y=random.uniform(30, 50),
        floor=HEIGHT - 42,
    )
    sheet.fill(LAYOUTS["documents"][name])
    transform = askew(SIZE, SIZE, random, sway=(1.0, 2.5), least=0.86, room=(8, 8))
    image = scan_page(np.array(sheet.image), transform, random)
    return Drawing(image, sheet.regions(transform, *SIZE))
