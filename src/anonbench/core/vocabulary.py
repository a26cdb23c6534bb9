"""The experiment's vocabulary: variants, models and scenarios, and their spelling in paths.

One variant is one version of the images (``original``, ``blur-50``); one model is one DINOv2
training (``unadapted``, ``A-blur-50``), or a baseline without one. See docs/reference/glossary.md.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

RESULTS = "results"  # folder of results where the config names none
ORIGINAL = "original"
UNADAPTED = "unadapted"
CONTROL = "control"  # the unadapted model of another seed than the reference's
PIXELS = "pixels"
UNTRAINED = "untrained"
NO_CHOICE = frozenset({CONTROL, PIXELS, UNTRAINED})  # yardsticks that nobody can choose

# RVL-CDIP's, in the order of its numbers; the demo's pages have the same
DOCUMENT_CLASSES = (
    *("letter", "form", "email", "handwritten", "advertisement", "scientific report"),
    *("scientific publication", "specification", "file folder", "news article", "budget"),
    *("invoice", "presentation", "questionnaire", "resume", "memo"),
)


class Split(StrEnum):
    """The two disjoint halves of a data set."""

    TRAIN = "train"
    VAL = "val"


class Entity(StrEnum):
    """A kind of sensitive region."""

    FACE = "face"
    TEXT = "text"
    BARCODE = "barcode"
    MRZ = "mrz"
    INK = "ink"


class Method(StrEnum):
    """The paper's anonymization methods, and a data set's where its config names none.

    All that there are: `anonbench.core.registries.methods.METHODS`.
    """

    PIXELATE = "pixelate"
    BLUR = "blur"
    MASK = "mask"


class Adaption(StrEnum):
    """Crops that DINOv2 sees anonymized (the paper's word), or an alternative to training."""

    UNADAPTED = "unadapted"
    A = "A"
    B = "B"
    C = "C"
    D = "D"  # the unadapted model, distilled: hidden crops are embedded as it embeds the originals'
    MAPPED = "mapped"  # the unadapted model, with vectors of hidden images mapped

    @property
    def global_anonymized(self) -> bool:
        """Whether the global crops come from the anonymized version."""
        return self in (Adaption.B, Adaption.C, Adaption.D)

    @property
    def local_anonymized(self) -> bool:
        """Whether the local crops come from the anonymized version."""
        return self in (Adaption.A, Adaption.C)


# vectors of hidden images that the unadapted model's of originals search; not in the paper
COMPATIBLE = frozenset({Adaption.D, Adaption.MAPPED})


class Baseline(StrEnum):
    """Embeddings without training, which show how much of a score needs none."""

    PIXELS = "pixels"  # pixels of the image at 32 x 32
    UNTRAINED = "untrained"  # the recipe's network before its training


class QueryKind(StrEnum):
    """Which version of a query image is embedded. The database is always anonymized."""

    ORIGINAL = "original"
    ANONYMIZED = "anonymized"


@dataclass(frozen=True)
class Variant:
    """One version of the images: the original (no method) or a method at a degree in percent."""

    method: str | None = None
    degree: int = 0

    def __str__(self) -> str:
        return ORIGINAL if self.method is None else f"{self.method}-{self.degree}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``original`` or ``<method>-<degree>``; raise ValueError for anything else."""
        if text == ORIGINAL:
            return cls()
        # imported here: a job's frame uses this module, and loads nothing heavy
        from anonbench.core.registries.method_names import is_method

        method, _, degree = text.rpartition("-")
        if not method:
            raise ValueError(f"{text!r}: not <method>-<degree>, such as mask-100")
        if not is_method(method):
            raise ValueError(f"{text!r}: no method is called {method!r}")
        if not degree.isdecimal() or not 1 <= int(degree) <= 100:
            raise ValueError(f"{text!r}: the degree is 1 to 100 percent, not {degree!r}")
        return cls(method, int(degree))


_WITHOUT_VARIANT: dict[str, Adaption | Baseline] = {
    each.value: each for each in (Adaption.UNADAPTED, *Baseline)
}


@dataclass(frozen=True)
class Model:
    """Model that embeds images: the unadapted model, an adaption to one variant, or a baseline."""

    adaption: Adaption | Baseline = Adaption.UNADAPTED
    variant: Variant = Variant()

    @property
    def is_trained(self) -> bool:
        """Whether weights of its own are trained."""
        return self.adaption not in (Adaption.MAPPED, *Baseline)

    def __str__(self) -> str:
        if self.adaption in _WITHOUT_VARIANT:
            return str(self.adaption)
        return f"{self.adaption}-{self.variant}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a name such as ``unadapted``, ``pixels`` or ``A-blur-50``; ValueError for others."""
        if text in _WITHOUT_VARIANT:
            return cls(_WITHOUT_VARIANT[text])
        adaption, _, variant = text.partition("-")
        return cls(Adaption(adaption), Variant.parse(variant))


def embedding_model(model: str, variant: str) -> str:
    """Return the name of the model that embeds a variant's images for a model."""
    is_compatible = model.partition("-")[0] in COMPATIBLE
    return UNADAPTED if is_compatible and variant == ORIGINAL else model
