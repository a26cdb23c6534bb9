"""Contact sheet of anonymized copies: one HTML page, doubtful images first.

It is made from the copies as they were audited, never from originals, and loads nothing.
"""

import base64
import hashlib
import html
import io
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from anonbench.anonymization.files.record import Outcome, write_private
from anonbench.anonymization.files.stored import TIFF_DPI
from anonbench.core.wording import count, harmless
from anonbench.datasets.formats.pages import Page
from anonbench.datasets.images import read_image
from anonbench.detection.doubts import seen_clearly

MOST = 500  # images and pages on a sheet
SIDE = 480  # longest side of an image on it, in pixels
_QUALITY = 80
HIDDEN, IN_SIGHT = (255, 0, 170), (255, 140, 0)
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = (
    "body{font:14px sans-serif;margin:1em}main{display:flex;flex-wrap:wrap;gap:1em}"
    f"figure{{margin:0;width:{SIDE}px;max-width:100%}}img{{max-width:100%;height:auto}}"
    "figcaption{overflow-wrap:anywhere}b{color:#b00020}"
)


def write_sheet(
    path: Path, to: Path, outcomes: Sequence[Outcome], confirmed: Collection[str] = ()
) -> None:
    """Write the sheet of the images that were written; only its owner may read it.

    First come images in which nothing was found, then doubtful ones, then those with regions in
    sight, then those whose weakest region is least certain. A copy in `to` that is not as it was
    audited is not shown. A person has looked at the `confirmed` ones: they are no longer doubtful.
    """
    written = [
        replace(each, searched=[page | {"doubts": []} for page in each.searched])
        if each.name in confirmed
        else each
        for each in outcomes
        if each.status == "written"
    ]
    written.sort(key=_certainty)
    tiles = list(islice((tile for each in written for tile in _tiles(to, each)), MOST))
    hidden = sum(row["hidden"] for each in written for row in each.regions)
    text = (
        f"{count(len(written), 'image')} of {len(outcomes):,} written, {count(hidden, 'region')} "
        "hidden (outlined as found; what is hidden may be larger). Doubtful ones first"
    )
    if len(tiles) < sum(max(1, len(each.pages)) for each in written):
        text += f"; here are the first {len(tiles):,}"
    page = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>Contact sheet</title><style>{_STYLE}</style></head>\n<body><p>{text}. "
        "Anonymized copies only: missed regions are visible here "
        f"too.</p>\n<main>\n{''.join(tiles)}</main></body></html>\n"
    )
    write_private(path, page)


def _certainty(outcome: Outcome) -> tuple[int, float, str]:
    """Return a key that sorts doubtful images first."""
    shows_region = any(not row["hidden"] for row in outcome.regions)
    kind = 0 if not outcome.regions else 1 if outcome.doubts else 2 if shows_region else 3
    return kind, min((row["score"] for row in outcome.regions), default=0.0), outcome.name


def _tiles(to: Path, outcome: Outcome) -> Iterator[str]:
    """Yield a figure for the image, or for each page."""
    try:
        data = (to / outcome.output).read_bytes()
    except OSError:
        return
    if hashlib.sha256(data).hexdigest() != outcome.output_digest:
        return
    if not outcome.pages:
        yield _tile(outcome.output, data, None, outcome.regions, outcome.doubts)
    for number, (_, _, dpi) in enumerate(outcome.pages, 1):
        rows = [row for row in outcome.regions if row["page"] == number]
        name, doubts = f"{outcome.output}, page {number}", outcome.searched[number - 1]["doubts"]
        yield _tile(name, data, Page(number, dpi or TIFF_DPI), rows, doubts)


def _tile(
    name: str, data: bytes, page: Page | None, rows: Sequence[dict[str, Any]], doubts: Sequence[str]
) -> str:
    image = Image.fromarray(seen_clearly(read_image(data, None, page))).convert("RGB")
    scale = min(1.0, SIDE / max(image.size))
    small = image.resize([max(1, round(scale * side)) for side in image.size], reducing_gap=3.0)
    pen = ImageDraw.Draw(small)
    for row in rows:
        x0, y0, x1, y1 = (row[side] for side in ("x0", "y0", "x1", "y1"))
        corners = row.get("quad") or (x0, y0, x1, y0, x1, y1, x0, y1)
        colour = HIDDEN if row["hidden"] else IN_SIGHT
        pen.polygon([scale * corner for corner in corners], outline=colour, width=2)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=_QUALITY)
    coded = base64.b64encode(file.getvalue()).decode()
    caption = "<b>nothing was found</b>"
    if rows:
        kinds = Counter(row["entity"] for row in rows if row["hidden"])
        said = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items())) or "none"
        left = len(rows) - kinds.total()
        more = f", <b>{count(left, 'region')} visible</b>" if left else ""
        weakest = min(row["score"] for row in rows)
        caption = f"hidden: {html.escape(said)}{more}; least certain: {weakest:.2f}"
    if doubts:
        caption += f"<br><b>look at it: {html.escape('; '.join(doubts))}</b>"
    return (
        f'<figure><img src="data:image/jpeg;base64,{coded}" width="{small.width}" '
        f'height="{small.height}" alt=""><figcaption>{html.escape(harmless(name))}<br>{caption}'
        "</figcaption></figure>\n"
    )
