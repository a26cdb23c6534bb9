"""Figures of the report, embedded in the page with captions."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from anonbench.config.outputs import Figure
from anonbench.core.errors import InputError
from anonbench.reporting.labels import metric_label

FIGURE_KINDS = {
    "front": "Privacy against utility",
    "risks": "Every risk against every utility",
    "strengths": "Strengths of the methods",
    "examples": "Anonymized images",
    "detection": "Detection against its score threshold",
    "correlation": "Correlations",
    "trend": "Quality against degree",
    "mixed": "Archive anonymized step by step",
    "gallery": "What is retrieved",
    "attention": "Attention maps",
    "attention_share": "Attention inside the sensitive regions",
    "learning": "Learning curves",
    "schedules": "Schedules",
}
PIPELINE = ("From images to this report", "From images to this report: the workflow's stages")
"""Title of the workflow's picture, and what it shows."""
_NOT_SHOWN = (
    "Unless originals may be shown, “not shown” stands in place of an image in which nothing was "
    "found, on which a detector failed, or of which only some regions are hidden."
)
"""Of pictures."""
_CAPTIONS = {
    "front": (
        "How much of the reference's ranking is kept, against how often the strongest attack "
        "re-identifies a sensitive region of the published images: up and to the left is better. "
        "Colour tells the method, the marker the model; the percentage is the degree. Coloured "
        "points are the front, which no other choice beats in both; the line joins them, grey ones "
        "are beaten. The area is that under a method’s own front: the quality kept, on average "
        "over all limits on the rate. Thin "
        "lines: intervals. The star is the original system on original images, the dashed line "
        "what chance re-identifies. The rate is the variant's: all models search the same images."
    ),
    "risks": (
        "A row a risk, by the strongest attack that shows it, above its control; a column a "
        "utility. Up and to the left is better; a variant on which an attack has no known rate is "
        "left out."
    ),
    "strengths": (
        "A column a method, at the highest degree: what is kept of the reference's ranking, and "
        "what attacks find, against the method's strength. On the left are the originals, on the "
        "right, as points, the methods of which there is one strength. Of re-identification the "
        "strongest attack is shown, of each other one the measure that is farthest above chance. "
        "Grey: weaker than the policy's bound on the parameter. Bands and bars: intervals. What "
        "is not known is left out."
    ),
    "examples": (
        "The same images by method and degree. A degree of d % hides the first d % of an "
        "image's regions in one random order, so higher degrees hide the same regions and more. "
        f"{_NOT_SHOWN}"
    ),
    "detection": (
        "What each detector by itself hides of the true regions on a sample of the images: the "
        "share of them of which at least 90 % and 50 % are covered; below, the found area outside "
        "all true regions. Entities that a detector does not find at all are left out. The dotted "
        "line is the threshold in use."
    ),
    "correlation": (
        "Pearson's coefficient between each two metrics, over the scenarios (model and method) of "
        "one degree; the bracket names the query images. One colour scale for all matrices."
    ),
    "trend": (
        "Colour tells the method; each panel is one model, with the unadapted model's lines thin "
        "in the others. With a single degree, models stand beside each other. Bands and bars: the "
        "interval over queries or images, with several seeds ± one standard deviation at least. "
        "A point that is missing was not run."
    ),
    "mixed": (
        "mAP while a growing share of the archive's images is anonymized, as a share of the "
        "ceiling: of what the unadapted model reaches with originals, by a second reference where "
        "there is one. Colour tells the method, each column is one model, which embeds queries and "
        "both kinds of images. At 0 % the original embeddings are kept. Bands: intervals. A ring "
        "marks the first share whose loss from 0 % a test shows. Shares nest and keep clusters "
        "together; one draw, or the order of datasets.<name>.anonymized_first."
    ),
    "gallery": (
        "A block a query: the first ten results of the reference (unadapted model, original "
        "images), then of the unadapted and of the best adapted model with anonymized query and "
        "database. Bold frame: among the reference's first ten; dashed: not. Below each: its place "
        "in the reference ranking. The query's own image is left out. Where originals may not be "
        f"seen, the reference's row shows the anonymized versions. {_NOT_SHOWN}"
    ),
    "attention": (
        "Attention of the class token to the patches in the last layer: the maps of all heads (h1, "
        "h2, …) behind each model and version of one image, plain (brighter is more) and laid over "
        "what the network saw (more opaque is more). Compare the same head between rows. Each map "
        "has its own scale; the number above it is its brightest patch's share of attention. With "
        "many heads each map stands once. Adapted models are those of the first method at the "
        f"highest degree. {_NOT_SHOWN}"
    ),
    "attention_share": (
        "Share of each head's attention to patches that falls inside the sensitive boxes, mean "
        "over up to 64 validation images with its interval over clusters; hollow: original images, "
        "filled: anonymized. Dashed: chance, the boxes' share of what the network sees. Bars: the "
        "same attention inside other images' boxes, which is what the usual place of boxes "
        "explains. Crosses: the network with random weights, as before its training (Adebayo et "
        "al. 2018). A head looks for regions only if its share is above all three; attention/"
        "shares.csv has the differences with their intervals. Attention to the class token and to "
        "registers is left out."
    ),
    "learning": (
        "The training log, a column an adaption: bold as a running mean, thin as logged where "
        "there is one degree; the unadapted model's lines thin in the other columns. KL is what is "
        "left of the DINO loss without the teacher's entropy: what the student has not learned. "
        "Dashed: the value where all targets are uniform, ln K for K prototypes (iBOT: times the "
        "share of masked crops). Prototypes in use: exp of the entropy of a batch's mean target. "
        "Feature rank: RankMe of a batch's class tokens. A collapse shows as an entropy at "
        "the dashed line with a KL of zero, as a few prototypes, or as a rank near one. Losses of "
        "different adaptions are not a ranking: the tasks differ."
    ),
    "cost": (
        "A row a stage, the longest first. Left: the time of its jobs, added up; the blue bar from "
        "start to end, the orange one the work of all processors. Where orange is longer, jobs "
        "used several cores. Right: the most memory that one job of the stage held, which is what "
        "a machine must have. Jobs may run at once, so that the clock showed less than the bars "
        "add up to. A job counts as its last run, and one that found its result made already as "
        "the moment in which it saw that. Jobs on GPUs count with their processors' time alone."
    ),
    "pipeline": (
        "The stages of this config, drawn from the workflow's rules: a box a rule file, its rules "
        "with what each has a job for. Arrows that a longer way stands for are left out."
    ),
    "schedules": (
        "What changes over a run, by the recipe of each data set; all its models share it. The "
        "rates of the backbone and of the heads' last layer differ from the heads' only while they "
        "stand still or start."
    ),
}


@dataclass(frozen=True)
class Picture:
    """A figure as the page shows it."""

    stem: str
    title: str
    alt: str
    source: str
    """Data URI."""
    width: int
    height: int

    @property
    def wide(self) -> bool:
        """Whether it needs the page's whole width."""
        return self.width > 800

    @property
    def tall(self) -> bool:
        """Whether it would be too small to read on one printed page."""
        return self.height > 1.6 * self.width


def captions(system: str | None) -> dict[str, str]:
    """Return the captions by kind of figure.

    Args:
        system: name of the system that is measured as it is; None where models are trained.

    """
    if system is None:
        return dict(_CAPTIONS)
    own = {
        "trend": (
            f"Colour tells the method; {system} is measured as it is, and raw pixels are compared "
            "without any model. With a single degree, they stand beside each other; else each has "
            f"a panel, with {system}'s lines thin in the other. Bands and bars: the interval over "
            "queries or images. A point that is missing was not run."
        ),
        "mixed": _CAPTIONS["mixed"].replace("the unadapted model", system),
        "gallery": (
            f"A block a query: the first ten results of the reference ({system}, original images), "
            "then of the same system with anonymized query and database. Bold frame: among the "
            "reference's first ten; dashed: not. Below each: its place in the reference ranking. "
            "The query's own image is left out. Where originals may not be seen, the reference's "
            f"row shows the anonymized versions. {_NOT_SHOWN}"
        ),
    }
    return _CAPTIONS | own


def data_uri(png: Path) -> tuple[str, int, int]:
    """Return a PNG as a data URI of a lossless WebP, with its width and height in pixels.

    Raises:
        InputError: it is no PNG.

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


def figure_title(figure: Figure) -> str:
    """Return a figure's title for people."""
    parts = [figure.dataset]
    if figure.metric is not None:
        parts.append(metric_label(figure.metric))
    if figure.query is not None:
        parts.append(f"{figure.query} queries")
    if figure.degree is not None:
        parts.append(f"degree {figure.degree} %")
    return ", ".join(parts)


def pictures(figures: Iterable[tuple[Figure, Path]], kind: str) -> list[Picture]:
    """Return the figures of one kind, each given with its PNG, as the page shows them.

    Raises:
        InputError: a file is no PNG.

    """
    shown = []
    for figure, png in figures:
        if figure.kind == kind:
            title = figure_title(figure)
            alt = f"{heading(kind)}: {title}."
            shown.append(Picture(figure.stem, title, alt, *data_uri(png)))
    return shown


def picture(stem: str, title: str, alt: str, png: Path) -> Picture:
    """Return a figure that is of no data set.

    Raises:
        InputError: the file is no PNG.

    """
    return Picture(stem, title, f"{alt}.", *data_uri(png))


def heading(kind: str) -> str:
    """Return the heading of the figures of a kind, for kinds without one made of its name."""
    return FIGURE_KINDS.get(kind, kind.replace("_", " ").capitalize())
