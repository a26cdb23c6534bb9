"""The built-in attacks other than re-identification."""

from anonbench.core.registries.attacks import PrivacyAttack
from anonbench.evaluation.privacy.attacks.kinds.block_noise import BlockNoise
from anonbench.evaluation.privacy.attacks.kinds.dictionary import Dictionary
from anonbench.evaluation.privacy.attacks.kinds.reading import Barcodes, MrzReading, Readability
from anonbench.evaluation.privacy.attacks.kinds.reconstruction import Likeness, Reconstruction
from anonbench.evaluation.privacy.attacks.kinds.residual import Residual
from anonbench.evaluation.privacy.attacks.kinds.vectors import Inference, Inversion, Linkage

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
