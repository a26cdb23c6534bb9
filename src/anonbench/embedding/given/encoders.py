"""Encoders as a caller gives them, opened as systems."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from pydantic import ValidationError

from anonbench.core.errors import InputError
from anonbench.core.wording import suggestion
from anonbench.embedding.systems import SYSTEMS, Similarity, System, SystemSettings, open_system
from anonbench.embedding.systems.function import InBatches
from anonbench.embedding.systems.opening import Checked, identity_of

Encoder = System | SystemSettings | Mapping[str, Any] | str | Callable[[list[np.ndarray]], Any]
"""What embeds: a function from a list of images (uint8 [H, W, 3] RGB) to floats [N, D], an object
with `encode`, `identity` and `similarity`, or a system by its settings: as in the config's section
`systems`, or as text, `kind`, `kind:value` or `kind:value,key=value`."""

_BATCH = 32
"""Images that a function is given at once, at most."""


@contextmanager
def open_encoder(encoder: Encoder, similarity: Similarity = "cosine") -> Iterator[System]:
    """Give an encoder as a system for the time of the block.

    Args:
        encoder: see `Encoder`.
        similarity: what a function's vectors are compared by; a system has its own.

    Raises:
        InputError: there is no such system, or it cannot be started.

    """
    encoder = settled(encoder)
    if isinstance(encoder, SystemSettings):
        with open_system(encoder) as system:
            yield system
    elif hasattr(encoder, "encode"):
        identity = str(getattr(encoder, "identity", ""))
        own: Similarity = getattr(encoder, "similarity", similarity)
        encode: Callable[[list[np.ndarray]], Any] = encoder.encode  # type: ignore[assignment]
        yield Checked(InBatches(encode, _BATCH), identity, own)
    elif callable(encoder):
        yield Checked(InBatches(encoder, _BATCH), "", similarity)
    else:
        raise InputError(
            f"encoder: {type(encoder).__name__} is neither a function nor a system; give "
            "encode(images) -> array, or a system such as 'timm:tf_efficientnet_lite0'"
        )


def settled(encoder: Encoder) -> Encoder:
    """Return an encoder with its settings read and its files found; nothing is started.

    Raises:
        InputError: there is no such system, or a file that it needs is missing.

    """
    if isinstance(encoder, str | Mapping):
        encoder = system_settings(encoder)
    if isinstance(encoder, SystemSettings):
        if not encoder.embeds_images:
            raise InputError(
                f"system {encoder.name}: vectors that are made elsewhere are scored by `anonbench "
                "score` (docs/how-to/score.md)"
            )
        identity_of(encoder)
    return encoder


def system_settings(given: str | Mapping[str, Any]) -> SystemSettings:
    """Return the settings of a system.

    Args:
        given: as in the config, such as `{"kind": "timm", "name": "resnet18"}`, or as text, such as
            `timm:resnet18` or `timm:resnet18,weights=mine.safetensors`: the first value is that of
            the kind's first field.

    Raises:
        InputError: there is no such kind, or a setting is wrong.

    """
    values = _parsed(given) if isinstance(given, str) else dict(given)
    kind = str(values.get("kind", ""))
    if kind not in SYSTEMS:
        raise InputError(
            f"system: there is no kind {kind!r}; there are {', '.join(SYSTEMS)}"
            f"{suggestion(kind, SYSTEMS)}"
        )
    try:
        return SYSTEMS[kind].model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or kind
        raise InputError(f"system {kind}: {field}: {first['msg']}") from None


def _parsed(text: str) -> dict[str, Any]:
    kind, colon, rest = text.partition(":")
    values: dict[str, Any] = {"kind": kind}
    if not colon or kind not in SYSTEMS:
        return values
    first, *others = rest.split(",")
    values[_first_field(SYSTEMS[kind])] = first
    for other in others:
        key, equals, value = other.partition("=")
        if not equals:
            raise InputError(f"system {text}: {other!r} is no setting; write key=value")
        values[key] = value
    return values


def _first_field(kind: type[SystemSettings]) -> str:
    """Return the field that a kind is about, such as a model's name or a file."""
    own = {name for base in SystemSettings.__mro__ for name in getattr(base, "model_fields", {})}
    for name, field in kind.model_fields.items():
        if name not in own and name != "kind":
            return field.alias or name
    raise InputError(f"system: {kind.name} takes no value")
