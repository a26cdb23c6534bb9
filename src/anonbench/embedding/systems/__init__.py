"""Systems under test: images in, vectors out, whatever computes them; the built-in kinds.

`opening.open_system` starts one from its settings, a section of the config's `systems`.
"""

from anonbench.core.registries.systems import SYSTEMS, SystemKind
from anonbench.embedding.systems.command import Command
from anonbench.embedding.systems.function import Function
from anonbench.embedding.systems.networks import Checkpoint, HuggingFace, Timm
from anonbench.embedding.systems.onnx import Onnx
from anonbench.embedding.systems.vectors import Vectors

# in the order of the documentation
BUILT_IN = (Timm, HuggingFace, Checkpoint, Onnx, Function, Command, Vectors)


def kind_named(name: str) -> type[SystemKind]:
    """Return a kind's class, a built-in one or another package's."""
    built_in: dict[str, type[SystemKind]] = {each.name: each for each in BUILT_IN}
    return built_in.get(name) or SYSTEMS[name]
