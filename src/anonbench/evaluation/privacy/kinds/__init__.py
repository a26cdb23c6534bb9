"""The built-in attackers beside the experiment's own models."""

from __future__ import annotations

from anonbench.core.registries.attackers import AttackerKind
from anonbench.evaluation.privacy.kinds.recognizer import Recognizer
from anonbench.evaluation.privacy.kinds.remainder import Remainder
from anonbench.evaluation.privacy.kinds.restored import Restored
from anonbench.evaluation.privacy.kinds.supervised import Supervised

BUILT_IN = (Recognizer, Supervised, Restored, Remainder)
KINDS: dict[str, type[AttackerKind]] = {each.name: each for each in BUILT_IN}
