"""Problems of a config as sentences: place, what is wrong, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from functools import cache
from textwrap import shorten
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from anonbench.core.registries.systems import SYSTEMS
from anonbench.core.settings import Settings

_SHOWN = 80
"""Most characters of a wrong value."""
_MOST = 3
"""Most keys that are suggested."""
_NAME = "<name>"
"""Stands for a name that the user gives."""

_FIXED = """
    anonymization.blur.min_sigma anonymization.box_blur.min_size anonymization.inpaint
    anonymization.jpeg_quality anonymization.median.min_size anonymization.pixelate.min_block
    correlation deployments.queries deployments.shares detection.centerface.overlap detection.ink
    detection.mrz.margin detection.mrz.min_score detection.mtcnn.factor detection.template
    detection.zxing detection_quality.thresholds downstream.all_k downstream.linear
    downstream.temperature presentation.explorer_results privacy.block_noise.confidence
    privacy.block_noise.shortest privacy.dictionary.confidence privacy.dictionary.shortest
    privacy.inference privacy.inversion privacy.likeness privacy.readability privacy.reconstruction
    privacy.remainder.regions privacy.residual.others privacy.residual.overlap
    recipes.*.crops.global_count recipes.*.heads.student_temperature recipes.*.knn_images
    recipes.*.losses.mask_ratio recipes.*.optimizer.clip redrawing.batch_size redrawing.width
"""
_REMOVED = {
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
} | dict.fromkeys(_FIXED.split(), "its former default is always used")
"""Settings of earlier versions, and why they were removed; `*` stands for a name."""


def problems(error: ValidationError, config: type[Settings]) -> list[str]:
    """List what is wrong in values that pydantic refused, each with its place.

    Args:
        error: of a config, or of a section in its place.
        config: model of the whole config, whose keys are suggested for unknown ones.
    """
    entries = error.errors(include_url=False)
    first = [entry for entry in entries if not _follows(entry, entries)]
    return [_problem(entry, config) for entry in first or entries]


def _problem(entry: ErrorDetails, config: type[Settings]) -> str:
    path, given = _path(entry), entry["input"]
    text = entry["msg"].removeprefix("Value error, ")
    if entry["type"] in ("union_tag_invalid", "union_tag_not_found"):
        path, text = [*path, "kind"], f"is one of {', '.join(SYSTEMS)}"
        given = entry["ctx"].get("tag", "nothing")
    if entry["type"] == "extra_forbidden":
        named = path[:1] in (["datasets"], ["recipes"], ["systems"])
        why = _REMOVED.get(".".join([path[0], "*", *path[2:]] if named else path))
        text = f"is gone: {why}; remove it" if why else f"unknown key; {_suggestion(config, entry)}"
    elif isinstance(given, str | int | float | bool):
        text = f"{text} (given: {shorten(repr(given), _SHOWN)})"
    return f"{'.'.join(path)}: {text}" if path else text


def _path(entry: ErrorDetails) -> list[str]:
    """Location of an error in the config, without pydantic's names for members of a union."""
    parts = [str(part) for part in entry["loc"]]
    if parts[:1] == ["systems"]:
        return [*parts[:2], *parts[3:]]
    return [
        part
        for before, part in zip(["", *parts], parts, strict=False)
        if before not in ("demo", "split") or part == "validation"
    ]


def _follows(entry: ErrorDetails, entries: list[ErrorDetails]) -> bool:
    """Whether an error only follows from another one and would be misleading."""
    place, given = entry["loc"], entry["input"]
    others = [other["loc"] for other in entries if other is not entry]
    if entry["type"] == "too_short":
        return any(len(other) > len(place) and other[: len(place)] == place for other in others)
    of_union = any(other[: len(place) - 1] == place[:-1] for other in others)
    if entry["type"] == "literal_error":
        return of_union and isinstance(given, dict)
    return of_union and entry["type"] == "model_type" and isinstance(given, str)


def _suggestion(config: type[Settings], entry: ErrorDetails) -> str:
    """Suggest known keys for an unknown one, or the files that list all keys."""
    *parents, key = map(str, entry["loc"])
    paths = _paths(config)
    keys = {path[-1] for path in paths}
    section = [part for part in parents if part in keys]
    beside = [path[-1] for path in paths if [p for p in path[:-1] if p != _NAME] == section]
    near = difflib.get_close_matches(key, beside, _MOST)
    if not near:  # a key of another section
        far = difflib.get_close_matches(key, sorted(keys), 1)
        near = [".".join(path) for path in paths if path[-1] in far][:_MOST]
    if near:
        return f"did you mean {' or '.join(near)}?"
    return "see config/defaults.yaml and config/defaults-expert.yaml for all keys"


@cache
def _paths(config: type[Settings]) -> list[tuple[str, ...]]:
    """All keys with their sections."""
    schema = config.model_json_schema()

    def below(node: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if reference := node.get("$ref"):
            yield from below(schema["$defs"][reference.removeprefix("#/$defs/")], path)
        for member in (*node.get("anyOf", ()), *node.get("oneOf", ()), node.get("items")):
            yield from below(member, path) if member else ()
        for key, inner in node.get("properties", {}).items():
            yield (*path, key)
            yield from below(inner, (*path, key))
        named = [*node.get("patternProperties", {}).values(), node.get("additionalProperties")]
        for inner in named:
            if isinstance(inner, dict):
                yield from below(inner, (*path, _NAME))

    return list(dict.fromkeys(below(schema, ())))
