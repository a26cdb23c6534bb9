"""The built-in anonymization methods, in the order in which tables show them."""

from __future__ import annotations

from anonbench.anonymization.methods.blur import Blur
from anonbench.anonymization.methods.mask import Mask
from anonbench.anonymization.methods.pixelate import Pixelate
from anonbench.anonymization.methods.replace import Replace
from anonbench.core.registries.methods import METHODS, Method

BUILT_IN = (Pixelate, Blur, Mask, Replace)


def method_named(name: str) -> type[Method]:
    """Return a method's class, a built-in one or another package's."""
    built_in: dict[str, type[Method]] = {each.name: each for each in BUILT_IN}
    return built_in.get(name) or METHODS[name]
