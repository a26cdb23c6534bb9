"""The built-in backbones: none, for own sizes and timm's names are settings of every recipe."""

from __future__ import annotations

from anonbench.core.registries.backbones import BackboneKind

BUILT_IN: tuple[type[BackboneKind], ...] = ()
