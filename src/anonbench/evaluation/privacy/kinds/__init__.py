"""The built-in attackers beside the experiment's own models."""

from __future__ import annotations

from anonbench.core.registries.attackers import ATTACKERS, AttackerKind
from anonbench.evaluation.privacy.kinds.recognizer import Recognizer
from anonbench.evaluation.privacy.kinds.remainder import Remainder
from anonbench.evaluation.privacy.kinds.restored import Restored
from anonbench.evaluation.privacy.kinds.supervised import Supervised

BUILT_IN = (Recognizer, Supervised, Restored, Remainder)


def attacker_named(name: str) -> type[AttackerKind]:
    """Return an attacker's class, a built-in one or another package's."""
    built_in: dict[str, type[AttackerKind]] = {each.name: each for each in BUILT_IN}
    return built_in.get(name) or ATTACKERS[name]
