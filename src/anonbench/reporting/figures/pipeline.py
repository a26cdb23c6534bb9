"""Diagram of the pipeline: one box per stage, listing its rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from anonbench.core.wording import count
from anonbench.reporting.figures.style import INK, SOFT, TWO_COLUMNS, new_figure, save, styled
from anonbench.reporting.pipeline import Pipeline, Step, essential, layers

LINE = 0.125
"""Height in inches of one rule's line."""
HEAD = 0.24
"""Height in inches of a stage's name, including margins."""
FOOT = 0.07
BETWEEN = 0.3
"""Height in inches between two layers, for the arrows."""
GAP = 0.16
MARGIN = 0.04
SIDE = 0.45
"""Width in inches left and right of all boxes."""
WIDEST = 2.9
LETTER, BOLD = 0.046, 0.07
"""Approximate width in inches of a letter in a rule's line, and in a stage's name."""

STAGES = {
    "manifest": "List the images",
    "detect": "Find sensitive regions",
    "quality": "Measure detection",
    "anonymize": "Anonymize",
    "train": "Train",
    "embed": "Embed",
    "score": "Score",
    "privacy": "Attack",
    "explore": "Explore",
    "compare": "Compare with the paper",
    "figures": "Draw figures",
    "present": "Tables, figures, report",
}
"""Stage names by rule file; a file not listed here is shown by its own name."""
WILDCARDS = {
    "dataset": "data set",
    "split": "split",
    "kind": "kind",
    "trend": "metric",
    "degree": "degree",
    "adaption": "adaption",
    "model": "model",
    "variant": "variant",
    "anonymized": "variant",
    "seed": "seed",
    "shard": "shard",
}
"""Labels of wildcards in the order of display; others follow."""


@dataclass(frozen=True)
class _Box:
    layer: int
    left: float
    top: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.left + self.width / 2


def pipeline_figure(pipeline: Pipeline, outputs: Sequence[Path], dpi: int = 150) -> None:
    """Draw the stages from top to bottom, each below all stages that it reads from.

    Arrows implied by a longer path are left out.
    """
    boxes, height = _arrange(pipeline)
    with styled():
        figure = new_figure(TWO_COLUMNS, height, constrained=False)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, TWO_COLUMNS)
        axes.set_ylim(height, 0)
        axes.set_axis_off()
        _arrows(axes, boxes, essential(pipeline.arrows))
        for stage, box in boxes.items():
            _box(axes, box, stage, pipeline.steps[stage])
        save(figure, outputs, dpi)


def job_for(step: Step) -> str:
    """Describe the jobs of a step: `per data set, split`, or `once`."""
    known = list(WILDCARDS)
    order = sorted(step.wildcards, key=lambda n: known.index(n) if n in known else len(known))
    names = list(dict.fromkeys(WILDCARDS.get(name, name) for name in order))
    if names:
        return f"per {', '.join(names)}"
    return "once" if step.rules == 1 else count(step.rules, "job")


def _arrange(pipeline: Pipeline) -> tuple[dict[str, _Box], float]:
    boxes: dict[str, _Box] = {}
    top = MARGIN
    for depth, layer in enumerate(layers(list(pipeline.steps), pipeline.arrows)):
        across = TWO_COLUMNS - 2 * SIDE - GAP * (len(layer) - 1)
        needed = [_needed(stage, pipeline.steps[stage]) for stage in layer]
        more = (across - sum(needed)) / len(layer)
        widths = [min(max(width, WIDEST), width + more) for width in needed]
        left = (TWO_COLUMNS - sum(widths) - GAP * (len(layer) - 1)) / 2
        heights = [HEAD + LINE * len(pipeline.steps[stage]) + FOOT for stage in layer]
        for stage, width, height in zip(layer, widths, heights, strict=True):
            boxes[stage] = _Box(depth, left, top, width, height)
            left += width + GAP
        top += max(heights) + BETWEEN
    return boxes, top - BETWEEN + MARGIN


def _needed(stage: str, steps: Sequence[Step]) -> float:
    """Width in inches needed for a stage's name and its rules' lines."""
    lines = [LETTER * (len(step.name) + len(job_for(step))) for step in steps]
    return 0.2 + max(BOLD * len(STAGES.get(stage, stage)), *lines)


def _box(axes: Axes, box: _Box, stage: str, steps: Sequence[Step]) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (box.left, box.top),
            box.width,
            box.height,
            boxstyle="round,pad=0,rounding_size=0.05",
            facecolor="#f6f8fa",
            edgecolor=SOFT,
            linewidth=0.8,
            zorder=3,
        )
    )
    axes.text(
        box.left + 0.08,
        box.top + HEAD / 2 + 0.01,
        STAGES.get(stage, stage.capitalize()),
        fontsize=8,
        fontweight="bold",
        va="center",
        zorder=4,
    )
    for place, step in enumerate(steps):
        y = box.top + HEAD + LINE * (place + 0.5)
        axes.text(box.left + 0.08, y, step.name, fontsize=6.5, va="center", color=INK, zorder=4)
        axes.text(
            box.left + box.width - 0.08,
            y,
            job_for(step),
            fontsize=6,
            va="center",
            ha="right",
            color=SOFT,
            zorder=4,
        )


def _arrows(axes: Axes, boxes: Mapping[str, _Box], arrows: Sequence[tuple[str, str]]) -> None:
    """Draw arrows from foot to head; those that skip layers pass behind the boxes between."""
    for start, end in arrows:
        source, target = boxes[start], boxes[end]
        outwards = 0.35 if source.middle <= TWO_COLUMNS / 2 else -0.35
        is_next = target.layer == source.layer + 1
        axes.add_patch(
            FancyArrowPatch(
                (source.middle, source.top + source.height),
                (target.middle, target.top),
                arrowstyle="-|>",
                connectionstyle=f"arc3,rad={0.0 if is_next else outwards}",
                mutation_scale=7,
                color=SOFT,
                linewidth=1.0,
                shrinkA=0,
                shrinkB=0,
                zorder=2,
            )
        )
