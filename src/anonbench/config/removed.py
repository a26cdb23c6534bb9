"""Settings of earlier versions, and why they were removed."""

from __future__ import annotations

from collections.abc import Sequence

_FIXED = "its former default is always used"
_REASONS: dict[str, str] = {
    "datasets.*.unmatched": "rows that match no image are refused",
    "detection.ppocr.engine": "the network runs by ONNX Runtime",
    "detection_quality.drawn": "the contact sheets of data sets were removed",
    "deployments.weight": "the mixed archive needs none",
    "privacy.restored": "likeness and reconstruction tell what a restorer finds",
} | dict.fromkeys(
    (
        *("detection.mtcnn.factor", "detection.centerface.overlap", "detection.zxing"),
        *("detection.mrz.min_score", "detection.mrz.margin", "detection.ink", "detection.template"),
        *("detection_quality.thresholds", "presentation.explorer_results"),
    ),
    _FIXED,
)
"""By path; names of data sets, recipes and systems are `*`."""
_NAMED = ("datasets", "recipes", "systems")


def why_removed(path: Sequence[str]) -> str:
    """Reason for which a setting was removed; empty if there never was one."""
    parts = [*path]
    if len(parts) > 1 and parts[0] in _NAMED:
        parts[1] = "*"
    return _REASONS.get(".".join(parts), "")
