"""Listing of a demo data set's images, known before any is drawn."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from anonbench.config import Demo, DocumentsDemo, IdsDemo, PortraitsDemo
from anonbench.core.boxes import Region
from anonbench.core.vocabulary import DOCUMENT_CLASSES, Split

TEMPLATES = ("driving_licence", "id_card", "passport", "residence_permit")


@dataclass(frozen=True)
class Item:
    """One image to draw. `key` seeds it together with `kind`, and nothing else does."""

    id: str
    path: str  # relative to the data set's root
    split: Split
    kind: str  # identity of a portrait, class of a document or template of an ID document
    key: str
    number: int = 0  # identity as CelebA numbers it, or place of the class in its list


def items(demo: Demo) -> list[Item]:
    """Images of a demo data set, in the order of its list files."""
    if isinstance(demo, PortraitsDemo):
        return [*_portraits(demo)]
    return [*_documents(demo)] if isinstance(demo, DocumentsDemo) else [*_ids(demo)]


def expected_listing(demo: Demo) -> pd.DataFrame:
    """Images that `generate` will write, sorted by id: columns id, path and split."""
    rows = [(item.id, item.path, str(item.split)) for item in items(demo)]
    return pd.DataFrame(rows, columns=["id", "path", "split"]).sort_values("id", ignore_index=True)


def _portraits(demo: PortraitsDemo) -> Iterator[Item]:
    """Photo by photo and not person by person: neighbours in the list are different people."""
    image, before = 0, 0
    counts = {Split.TRAIN: demo.train_identities, Split.VAL: demo.val_identities}
    for split, identities in counts.items():
        for photo in range(demo.photos):
            for identity in range(identities):
                image += 1
                stem, number = f"{image:06}", before + identity + 1
                path, key = f"img_align_celeba/{stem}.jpg", str(photo)
                yield Item(stem, path, split, f"{split}/{identity}", key, number)
        before += identities


def _documents(demo: DocumentsDemo) -> Iterator[Item]:
    """Folders as RVL-CDIP's: three letters, then the document with its page inside."""
    for split, count in ((Split.TRAIN, demo.train_per_class), (Split.VAL, demo.val_per_class)):
        for number in range(count * len(DOCUMENT_CLASSES)):
            place = number % len(DOCUMENT_CLASSES)
            letters = [chr(ord("a") + number // 26**power % 26) for power in range(3)]
            folder = f"{'a' if split is Split.TRAIN else 'v'}{number:05}00"
            stem = f"images{letters[0]}/{'/'.join(letters)}/{folder}/{number:08}"
            key = f"{split}/{number // len(DOCUMENT_CLASSES)}"
            yield Item(stem, f"images/{stem}.tif", split, DOCUMENT_CLASSES[place], key, place)


def _ids(demo: IdsDemo) -> Iterator[Item]:
    counts = {Split.TRAIN: demo.train_per_template, Split.VAL: demo.val_per_template}
    for split, count in counts.items():
        for template in TEMPLATES:
            for number in range(1, count + 1):
                stem = f"{split}/{template}/{number:04}"
                yield Item(stem, f"{stem}.jpg", split, template, f"{split}/{number}")


@dataclass(frozen=True)
class Drawing:
    """A drawn image, uint8 [H, W] or [H, W, 3] RGB, and the truth about it."""

    image: np.ndarray
    regions: list[Region]
    labels: dict[str, bool] = field(default_factory=dict)
