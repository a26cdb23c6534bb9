"""Settings of the detectors."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from anonbench.core.registries.detectors import DETECTORS
from anonbench.core.settings import Count, Settings, merged

LOOKED_FOR = ("centerface", "ppocr", "zxing", "mrz", "ink")
"""Default detectors: one for each kind of region, none of which needs a user's file."""
COVERING: Mapping[str, Mapping[str, Any]] = {
    "centerface": {"threshold": 0.3, "margin": 1.3},
    "ppocr": {
        "thresh": 0.2,
        "box_thresh": 0.4,
        "unclip_ratio": 2.0,
        "second_model": "PP-OCRv6_small_det",
    },
}
"""Detection settings without a config, and of a first config, chosen for high coverage, because
missed regions are published. Their coverage and false area are measured in
docs/explanation/policy.md."""


class Detection(DETECTORS.with_sections(Settings)):  # type: ignore[misc]
    """Detectors: a section for each, and shared settings."""

    WITHOUT_EFFECT: ClassVar[frozenset[str]] = frozenset({"threads"})

    max_pixels: Count = 180_000_000
    """Pixels of the largest image that is opened; larger ones are recorded and skipped."""
    device: Literal["auto", "cpu", "cuda"] = "cpu"
    """Device of detectors that can use a GPU (mtcnn); `auto` uses one if available."""
    threads: Count = 1  # CPU threads of a job, for reading and for ONNX Runtime.
    speed: Literal["thorough", "quick", "single"] = "thorough"
    """Views to search: `thorough` (all scales, tiles and rotations), `quick` (upright only) or
    `single` (full size, once)."""

    def part(self, detectors: Collection[str]) -> dict[str, Any]:
        """Settings that determine the findings of these detectors, as plain data."""
        fields = {field for name in detectors for field in (name, *DETECTORS[name].reads)}
        found: dict[str, Any] = self.model_dump(mode="json", include=fields)
        return found

    def files(self, detectors: Collection[str]) -> list[Path]:
        """The user's files of weights in the settings of these detectors."""
        sections = sorted(self.part(detectors).keys() & set(DETECTORS))
        files = (file for name in sections for file in self.of(DETECTORS[name]).files())
        return [file for file in files if file.is_file()]


def default_detection() -> Detection:
    """Settings of all detectors without a config."""
    settings: Detection = Detection.model_validate(COVERING)
    return settings


def covering(given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Section `detection`: the given settings over the defaults of `COVERING`."""
    sections: dict[str, Any] = merged(COVERING, given or {})
    return sections
