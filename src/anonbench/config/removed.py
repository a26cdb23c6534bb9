"""Settings of earlier versions, and why they were removed."""

from __future__ import annotations

from collections.abc import Sequence

_FIXED = "its former default is always used"
_REASONS: dict[str, str] = {
    "datasets.*.unmatched": "rows that match no image are refused",
    "detection.ppocr.engine": "the network runs by ONNX Runtime",
    "detection.face_onnx.kind": "its models are SCRFD's",
    "detection_quality.images": "thresholds are not varied any more",
    "detection_quality.drawn": "the contact sheets of data sets were removed",
    "policy.residue": "policy.information_left is its new name",
    "deployments.weight": "the mixed archive needs none",
    "deployments.kinds": "only mixed archives are scored, with deployments.mixed",
    "privacy.restored": "likeness and reconstruction tell what a restorer finds",
    "recipes.*.knn_every": "k-NN accuracy is measured after the training",
    "recipes.*.nodes": "a training uses the GPUs of one machine",
    "recipes.*.sharding": "each GPU holds the whole model",
    "retrieval.device": "a GPU is no faster than 16 cores",
} | dict.fromkeys(
    (
        *("detection.mtcnn.factor", "detection.centerface.overlap", "detection.zxing"),
        *("detection.mrz.min_score", "detection.mrz.margin", "detection.ink", "detection.template"),
        *("detection_quality.thresholds", "presentation.explorer_results"),
        *("anonymization.jpeg_quality", "anonymization.pixelate.min_block"),
        *("anonymization.blur.min_sigma", "anonymization.box_blur.min_size"),
        *("anonymization.median.min_size", "anonymization.inpaint", "correlation"),
        "deployments.queries",
        *("deployments.shares", "downstream.all_k", "downstream.linear", "downstream.temperature"),
        *("privacy.block_noise.confidence", "privacy.block_noise.shortest"),
        *("privacy.dictionary.confidence", "privacy.dictionary.shortest"),
        *("privacy.inference", "privacy.inversion", "privacy.likeness", "privacy.readability"),
        *("privacy.reconstruction", "privacy.remainder.regions", "privacy.residual.others"),
        *("privacy.residual.overlap", "recipes.*.crops.global_count", "recipes.*.knn_images"),
        *("recipes.*.heads.student_temperature", "recipes.*.losses.mask_ratio"),
        *("recipes.*.optimizer.clip", "redrawing.batch_size", "redrawing.width"),
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
