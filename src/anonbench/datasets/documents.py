"""Files of several pages: each page is an image, and all of them are one document."""

import io
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.core.errors import UnreadableImage
from anonbench.core.workers import in_threads
from anonbench.datasets.formats import pdf
from anonbench.datasets.formats.pages import MOST_PAGES, WITH_PAGES, page_id, tiff_frames
from anonbench.datasets.source import Source, id_problems, is_wanted

DOCUMENT = "document"
"""Label column: the id that the document's file would have as one image; missing of other images.
A table's own column of that name stays as it is."""
PAGE = "document_page"
"""Column: the page's number in its file, from 1; missing where the file is the image."""


def with_pages(root: Path, source: Source, wanted: Collection[str] | None) -> Source:
    """Return a listing in which PDF and TIFF files of several pages are replaced by their pages.

    Nothing is decoded. A file whose pages cannot be counted stays one image, and the manifest names
    the fault. Rows with a number in the column `PAGE` are pages already. `wanted` label columns are
    added; None: all.
    """
    images = source.images
    named = images[PAGE].notna() if PAGE in images else pd.Series(False, index=images.index)
    counts = np.ones(len(images), np.int64)
    chosen = np.flatnonzero(~named & images["path"].str.lower().str.endswith(WITH_PAGES))
    files = [root / path for path in images["path"].iloc[chosen]]
    counts[chosen] = [*in_threads(lambda file: count_pages(file, file.suffix), files)]
    if not named.any() and (counts == 1).all():
        return source
    new = (counts > 1).repeat(counts)
    rows = images.loc[images.index.repeat(counts)]
    numbers = rows.groupby(level=0).cumcount().add(1).tolist()
    given = rows[PAGE].to_numpy() if PAGE in rows else np.full(len(rows), pd.NA)
    documents = rows["id"].where(new, rows["path"]).to_numpy()
    ids = [
        page_id(file, number) if is_new else file
        for file, number, is_new in zip(rows["id"], numbers, new, strict=True)
    ]
    rows = rows.assign(id=ids)
    rows[PAGE] = pd.array(np.where(new, numbers, given), "Int16")
    has_own = DOCUMENT in source.labels
    if is_wanted(DOCUMENT, wanted) and not has_own:
        rows[DOCUMENT] = pd.Series(documents, rows.index, dtype="str").where(rows[PAGE].notna())
    rows = rows.astype({"id": "str"}).reset_index(drop=True)
    problems = id_problems(rows["id"])
    long = new & (problems != "").to_numpy()
    left = dict(zip(rows["path"][long], "a page's id " + problems[long], strict=True))
    return replace(
        source,
        images=rows[~rows["path"].isin(left)].reset_index(drop=True),
        labels=source.labels if has_own else (*source.labels, DOCUMENT),
        left=source.left | left,
    )


def page_numbers(listing: pd.DataFrame) -> list[int | None]:
    """Return the page number of each image of a listing; None if the file is the image."""
    numbers = listing[PAGE] if PAGE in listing else [None] * len(listing)
    return [None if pd.isna(number) else int(number) for number in numbers]


def count_pages(source: Path | bytes, suffix: str) -> int:
    """Number of pages of a PDF or TIFF file; 1 if it is unknown or too large."""
    if isinstance(source, Path) and not source.is_file():
        return 1  # reading a pipe would block
    try:
        if suffix.lower() == pdf.SUFFIX:
            pages = pdf.pdf_pages(source)
        else:
            with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as data:
                pages = len(tiff_frames(data))
    except (UnreadableImage, OSError):
        return 1
    return pages if 1 <= pages <= MOST_PAGES else 1
