"""The page of pictures: every method, figure and table, and what makes it.

`make docs` draws the pictures of methods. After `make demo`, `python tools/site/gallery.py results`
also takes tables and figures from its results; otherwise they stay as they are. A new method or
table is on the page by itself; a test says when one is missing, and when a method's picture is not
what the method does.
"""

from __future__ import annotations

import inspect
import io
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from anonbench.anonymization import apply
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, draw_order
from anonbench.core.registries.methods import METHODS
from anonbench.core.vocabulary import Method, Variant
from anonbench_demo import fonts, ids, portraits

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/reference/gallery.md"
PICTURES = ROOT / "docs/images/gallery"

DEGREES = (25, 50, 75, 100)
KEY = b"of drawn images: it is no secret"
TILE = (300, 210)
"""Of the sheets, in pixels: half a card, or a detail as it is."""
GAP, HEAD = 6, 24
CLOSE = 7
"""Levels by which colours of a sheet may be off in its file."""
WIDTH = 900
"""Of figures on the page."""
ROWS = 8
"""Of tables on the page."""

# Stem in the demo, target, what it shows.
FIGURES = (
    ("examples_ids", "Every method at every degree, on your images"),
    (
        "front_portraits_map",
        "Retrieval against re-identification: what no other choice beats in both",
    ),
    ("trend_documents_map_original", "A score against the degree, a panel for each method"),
    ("correlation_documents_100", "How retrieval and downstream scores correlate over models"),
    ("attention_portraits", "Where a model looks, before and after"),
    ("learning_portraits", "Losses and early signs of a collapse, all trainings"),
)
OF_EACH = {
    "policy": (
        "Whether each method and degree passes the policy, and the rules that it does not pass, "
        "with what was measured and the limit"
    ),
    "front_area": (
        "The area under the front of privacy and utility, for every risk, utility and method: "
        "the utility kept, on average over all limits on the risk"
    ),
    "reidentification": (
        "How often an attacker finds the person or region behind a sensitive region, by method, "
        "degree and attacker, with the gallery's size and chance"
    ),
    "attacks": (
        "What can be read, decoded, found, linked or inferred in published images and vectors, "
        "by method and degree, beside the same attack on masked images and a random guess"
    ),
    "mapped": (
        "What a map of hidden images' vectors gives back, by method, degree and number of pairs, "
        "beside remedies that cost nothing and a control"
    ),
    "trainings": "How much of a training's ranking of original images each other training keeps",
    "sample_sizes": (
        "How many images or persons a stated difference takes, from the variance components of "
        "what anonymizing and adapting cost"
    ),
    "deployments": "Archives of which a share is anonymized, compared with an archive of originals",
    "near_duplicates": (
        "How scores change without near-duplicates, at several distances of a perceptual hash, "
        "beside the scores without as many random images"
    ),
    "given": (
        "How many of the regions that detection found another program has hidden, and how much "
        "it changed elsewhere"
    ),
}
"""What the registered tables of a data set show."""
OF_DEGREES = (
    ("retrieval_portraits_100", "Retrieval scores in the paper's layout"),
    ("agreement_portraits_100", "Overlap, rank-biased overlap and Kendall's tau of the rankings"),
    ("downstream_portraits_100", "k-NN and linear accuracy"),
)
OTHERS = (
    ("sizes", "Images used, left out and in doubt"),
    ("experiment", "The data sets, as the paper's Table I"),
    ("scenarios_portraits", "Every scenario, as the paper's Tables II to IV"),
)
NOT_MADE = "The demo does not make it.\n"
HEADLINE = """\
# Gallery

<!-- Written by `make docs`, tables and figures by tools/site/gallery.py. Do not edit. -->

Nothing here is a photograph: persons, cards and pages are drawn by the demo's generator
(`anonbench_demo`).

## Methods and degrees

The degree is the percentage of an image's regions that is hidden. Degrees nest, and every method
hides the same regions. A card has a face, lines of text, a barcode and a machine-readable zone; the
row below shows a part of it at full size. A portrait has one region, which any degree hides.
What each method leaves of a region is in [the table of methods](methods.md).
"""


def degrees(method: str) -> tuple[int, ...]:
    """Return the degrees that are shown: all of them for the paper's methods, else 100."""
    return DEGREES if method in set(Method) else DEGREES[-1:]


def sheets(**sections: dict[str, object]) -> dict[str, Image.Image]:
    """Return a sheet of the originals, and one of each method, by sections of `anonymization`."""
    card, portrait = ids.draw(0, "id_card", "gallery"), portraits.draw(0, "gallery", 0)
    found = {"original": _sheet([card.image], ["original"], portrait.image)}
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder) / "drawn.key"
        key.write_bytes(KEY)
        keys = {name: {"key_file": key} for name, m in METHODS.items() if m().files()}
        settings = Anonymization.model_validate(keys | sections)
        for name in METHODS:
            variants = [f"{name}-{degree}" for degree in degrees(name)]
            images = [_hidden(card.image, card.regions, each, settings) for each in variants]
            last = _hidden(portrait.image, portrait.regions, variants[-1], settings)
            found[name] = _sheet(images, [f"{degree} %" for degree in degrees(name)], last)
    return found


def _hidden(
    image: np.ndarray, regions: list[Region], variant: str, settings: Anonymization
) -> np.ndarray:
    order = np.argsort(draw_order("gallery", len(regions), 0))
    return apply.layers(image, [regions[i] for i in order], Variant.parse(variant), settings)[-1]


def _sheet(cards: list[np.ndarray], heads: list[str], portrait: np.ndarray) -> Image.Image:
    width, height = TILE
    tall = 2 * height + GAP
    wide = round(portrait.shape[1] * tall / portrait.shape[0])
    sheet = Image.new("RGB", (len(cards) * (width + GAP) + wide, HEAD + tall), "white")
    pen, font = ImageDraw.Draw(sheet), fonts.load("DejaVuSans", 15)
    for column, (card, head) in enumerate(zip(cards, heads, strict=True)):
        left = column * (width + GAP)
        pen.text((left + width // 2, 2), head, fill="black", font=font, anchor="ma")
        image = Image.fromarray(card)
        sheet.paste(image.resize(TILE, Image.Resampling.LANCZOS), (left, HEAD))
        x, y = (image.width - width) // 4, (image.height - height) // 2
        sheet.paste(image.crop((x, y, x + width, y + height)), (left, HEAD + height + GAP))
    large = Image.fromarray(portrait).resize((wide, tall), Image.Resampling.LANCZOS)
    sheet.paste(large, (sheet.width - wide, HEAD))
    return sheet


def page(results: Path | None) -> str:
    """Return the page; tables are those in results, or as they are on the page."""
    parts = [HEADLINE, "![A card and a portrait as drawn](../images/gallery/method_original.jpg)\n"]
    for name, method in METHODS.items():
        parts.append(f"### {method.label}\n\n{inspect.cleandoc(method.__doc__ or '')}\n")
        parts.append(f"![{method.label}](../images/gallery/method_{name}.jpg)\n")
        parts.append(f"```yaml\nmethods: [{name}]\ndegrees: {list(degrees(name))}\n```\n")
    parts.append("## Figures\n\nEach is made as PNG and SVG, in `results/figures`.\n")
    for stem, told in FIGURES:
        parts += [f"### `{kind(stem)}`\n\n{told}.\n"]
        is_there = _drawn(stem, results) or (PICTURES / _picture(stem)).is_file()
        made = f"![{told}](../images/gallery/{_picture(stem)})\n" if is_there else NOT_MADE
        parts += [made, _command(f"figure_{stem}")]
    parts.append("## Tables\n\nEach is made as CSV, Markdown and LaTeX, in `results/tables`.\n")
    of_each = [(f"{name}_portraits", told) for name, told in OF_EACH.items()]
    for stem, told in (*OF_DEGREES, *of_each, *OTHERS):
        parts += [f"### `{kind(stem)}` table\n\n{told}.\n", _table(stem, results)]
        parts.append(_command(f"table_{stem}"))
    return "\n".join(parts)


def kind(stem: str) -> str:
    """Return what a figure or table is called: `trend` of `trend_ids_map`."""
    for dataset in ("portraits", "documents", "ids"):
        stem = stem.partition(f"_{dataset}")[0]
    return stem


def _command(target: str) -> str:
    return f"`snakemake --cores 2 {target}`\n"


def _table(stem: str, results: Path | None) -> str:
    """Return the head of a table as the demo made it, or as it is on the page."""
    path = results and results / f"tables/{stem}.md"
    if not (path and path.is_file()):
        text = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
        section = rf"### `{kind(stem)}` table\n\n[^\n]*\n\n(.*?)\n`snakemake"
        found = re.search(section, text, re.DOTALL)
        return found[1] if found else NOT_MADE
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("|")]
    cut = len(rows) > ROWS + 2
    shown = "\n".join(rows[: ROWS + 2])
    return f"{shown}\n" + (f"\n({len(rows) - 2 - ROWS} more rows)\n" if cut else "")


PHOTOGRAPHIC = ("examples", "attention")


def _picture(stem: str) -> str:
    return f"{stem}.{'jpg' if kind(stem) in PHOTOGRAPHIC else 'png'}"


def _drawn(stem: str, results: Path | None) -> Path | None:
    path = results and results / f"figures/{stem}.png"
    return path if path and path.is_file() else None


def figures(results: Path | None) -> Iterator[tuple[str, bytes]]:
    """Yield the demo's figures, small."""
    for stem, _ in FIGURES:
        path = _drawn(stem, results)
        if path is None:
            continue
        image = Image.open(path).convert("RGB")
        size = (WIDTH, round(image.height * WIDTH / image.width))
        small = image.resize(size, Image.Resampling.LANCZOS) if image.width > WIDTH else image
        yield _picture(stem), encoded(small, _picture(stem))


def encoded(image: Image.Image, name: str) -> bytes:
    """Return an image as the file of this name holds it."""
    data = io.BytesIO()
    if name.endswith(".jpg"):
        image.save(data, "JPEG", quality=72, optimize=True)
    else:
        # the usual median cut makes methods' lines one colour, since they cover few pixels
        few = image.quantize(128, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(data, "PNG", optimize=True)
    return data.getvalue()


def smallest(sheet: Image.Image) -> bytes:
    """Return a sheet as a JPEG as coarse as its means over 10 x 10 pixels allow."""
    size = (sheet.width // 10, sheet.height // 10)
    means = np.asarray(sheet.resize(size, Image.Resampling.BOX), float)
    data = b""
    for quality in (50, 60, 72, 85):
        file = io.BytesIO()
        sheet.save(file, "JPEG", quality=quality, optimize=True, subsampling=0)
        data = file.getvalue()
        written = Image.open(file).resize(size, Image.Resampling.BOX)
        if np.abs(np.asarray(written, float) - means).max() <= CLOSE:
            break
    return data


def write(results: Path | None = None) -> None:
    """Write the page and its pictures; nothing is removed."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, sheet in sheets().items():
        small = encoded(sheet, ".jpg") if name in {"original", *Method} else smallest(sheet)
        (PICTURES / f"method_{name}.jpg").write_bytes(small)
    for name, data in figures(results):
        (PICTURES / name).write_bytes(data)
    text = page(results)
    PAGE.write_text(text, encoding="utf-8")
    for path in sorted(PICTURES.iterdir()):
        if f"images/gallery/{path.name})" not in text:
            print(f"{path.relative_to(ROOT)} is on the page no longer: remove it")
    sizes = [path.stat().st_size for path in PICTURES.iterdir()]
    print(f"wrote {PAGE.relative_to(ROOT)} and {len(sizes)} pictures, {sum(sizes) // 1024} KiB")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
