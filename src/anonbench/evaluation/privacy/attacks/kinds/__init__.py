"""The built-in attacks beside re-identification."""

from __future__ import annotations

from anonbench.core.registries.attacks import PrivacyAttack
from anonbench.evaluation.privacy.attacks.kinds.barcodes import Barcodes
from anonbench.evaluation.privacy.attacks.kinds.block_noise import BlockNoise
from anonbench.evaluation.privacy.attacks.kinds.dictionary import Dictionary
from anonbench.evaluation.privacy.attacks.kinds.inference import Inference
from anonbench.evaluation.privacy.attacks.kinds.inversion import Inversion
from anonbench.evaluation.privacy.attacks.kinds.linkage import Linkage
from anonbench.evaluation.privacy.attacks.kinds.mrz import MrzReading
from anonbench.evaluation.privacy.attacks.kinds.readability import Readability
from anonbench.evaluation.privacy.attacks.kinds.reconstruction import Likeness, Reconstruction
from anonbench.evaluation.privacy.attacks.kinds.residual import Residual

BUILT_IN = (
    Readability,
    MrzReading,
    Barcodes,
    Reconstruction,
    Likeness,
    Dictionary,
    BlockNoise,
    Residual,
    Linkage,
    Inference,
    Inversion,
)
KINDS: dict[str, type[PrivacyAttack]] = {each.name: each for each in BUILT_IN}
