"""Notices on the report's first screen about published images in doubt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anonbench.datasets.image_sets.doubts import Doubts

_CORRECT = "unmatched.csv lists them, correct them."


@dataclass(frozen=True)
class Notice:
    """One sentence about a data set, and what to do."""

    dataset: str
    text: str
    advice: str
    severe: bool
    """Whether something is published in plain sight."""


def notices(
    doubts: Mapping[str, Doubts], given: Mapping[str, Sequence[str]] | None = None
) -> list[Notice]:
    """Return all notices, the severe ones first; none where nothing is in doubt.

    Args:
        doubts: by data set.
        given: by data set, what other programs left as it was.

    """
    found = [
        Notice(name, text, "Nothing of these pictures was audited.", severe=True)
        for name, texts in (given or {}).items()
        for text in texts
    ]
    for name, each in doubts.items():
        for text in each.published():
            advice = "Do not pass these image sets on before a person has looked at those images."
            found.append(Notice(name, text, advice, severe=True))
        if text := each.left_out():
            advice = (
                "They are in no image set; skipped.csv lists them. To use them, lower the "
                "detectors’ thresholds or add boxes (corrections)."
            )
            found.append(Notice(name, text, advice, severe=False))
        for text in each.unmatched_rows():
            found.append(Notice(name, text, _CORRECT, severe=True))
        if text := each.unmatched_truth():
            found.append(Notice(name, text, _CORRECT, severe=False))
    return sorted(found, key=lambda notice: not notice.severe)
