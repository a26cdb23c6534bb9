"""Systems under test: images in, vectors out, whatever computes them.

`open_system` starts one from its settings, a section of the config's `systems`.
"""

from anonbench.core.registries.systems import SYSTEMS, Similarity, System
from anonbench.core.registries.systems import SystemKind as SystemSettings
from anonbench.embedding.systems.opening import open_system

__all__ = ["SYSTEMS", "Similarity", "System", "SystemSettings", "open_system"]
