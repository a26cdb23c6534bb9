"""Settings of embedding, scores and presentation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from anonbench.core.registries.tables import TABLES
from anonbench.core.settings import (
    Confidence,
    Count,
    Fraction,
    Natural,
    Positive,
    Resamples,
    Settings,
    Share,
)
from anonbench.core.vocabulary import DeploymentKind


class Embedding(Settings):
    """Features of the teacher: the class token after the final norm."""

    WITHOUT_EFFECT: ClassVar[frozenset[str]] = frozenset({"workers"})

    batch_size: Count = 64
    workers: Natural = 0
    """Processes that load images; the result does not depend on it."""


class Retrieval(Settings):
    """The comparison with the reference ranking. Defaults reproduce the published convention."""

    WITHOUT_EFFECT: ClassVar[frozenset[str]] = frozenset({"block", "shards", "memory_gb"})

    fraction: Annotated[float, Field(gt=0.0, le=1.0)] = 0.05
    """k = floor(fraction · N): the relevant images of a query, and the cut-off of nDCG. Below k = 5
    the report makes no statement: 0.05 needs 100 validation images."""
    include_self: bool = True
    """Whether a query's own image counts among the retrieved and the relevant images. Below k = 5
    it never does: at k = 1 it would be all that a query has to find."""
    ap_depth: Literal["full", "k"] = "full"
    """Average precision over the full ranking, or truncated at k."""
    gain: Literal["linear", "exponential"] = "linear"
    """Gain of a retrieved image: its reference similarity s, or 2^s - 1."""
    negative_gain: Literal["keep", "clip", "shift"] = "keep"
    """Negative similarities as they are, at zero, or all shifted from [-1, 1] to [0, 1]."""
    gain_of: Literal["all", "relevant"] = "all"
    """Whether every retrieved image has a gain, or only the relevant ones."""
    ties: Literal["mean", "id"] = "mean"
    """Images with equal similarities: average precision and nDCG as means over all their orders, or
    in the order of their ids, which favours classes whose ids sort first."""
    top: Annotated[int, Field(ge=1, le=1000)] = 10
    """First results that are compared for themselves: Kendall's tau, overlap, unchanged or not. At
    most 1000, since tau compares all pairs of them."""
    persistence: Share = 0.9
    """Of rank-biased overlap: the chance that a reader goes on from one result to the next."""
    queries: Count | None = None
    """Score only so many queries, drawn by a hash of their ids, against the whole database: an
    estimate with its standard error, for archives of millions of images."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where similarities are computed and ranked. A GPU rounds differently in the last bits."""
    block: Count = 512
    """Queries whose similarities are in memory at once."""
    shards: Count = 1
    """Jobs that share a data set's queries, for clusters; the result is the same bit for bit."""
    memory_gb: Positive = 8.0
    """Databases in memory at once. Where all of a data set's need more, they come in groups, and
    the reference similarities are computed once for each."""

    def without_own_images(self) -> Retrieval:
        """Settings for comparisons between query kinds.

        Own images are excluded, because an anonymized query is in the database and would find
        itself first.
        """
        return self.model_copy(update={"include_self": False})


class Deployments(Settings):
    """Other ways to search an archive, scored from the embeddings that there are.

    Of each data set, at its highest degree and with the reference's seed; what they mean is in
    docs/explanation/archives.md.
    """

    kinds: tuple[DeploymentKind, ...] = ()
    """`mixed`: a share of the database is anonymized. `kept`: the embeddings of the originals are
    kept, and queries are anonymized. `query_method`: queries are anonymized by another method than
    the database. Without any, nothing is computed."""
    shares: tuple[Annotated[int, Field(gt=0, lt=100)], ...] = (25, 50, 75)
    """Percent of a mixed database that is anonymized; 0 and 100 are always scored. Which images
    come first, `datasets.<name>.anonymized_first` says; without it they are drawn."""
    queries: Count = 2000
    """At most so many are asked, drawn by a hash of their ids."""


class Linear(Settings):
    """Linear probe: multinomial logistic regression on standardized features."""

    strengths: Annotated[tuple[Positive, ...], Field(min_length=1)] = (
        *(0.0001, 0.001, 0.01, 0.1, 1.0, 10.0, 100.0),
    )
    """Inverse regularization strengths, scikit-learn's C; the best on a held-out part of the train
    split is taken. Where it is the first or the last, the summary says so."""
    held_out: Share = 0.2
    """That part's share. Whole clusters are held out (`datasets.<name>.cluster`), at least eight or
    half of them; images where each class is a single cluster."""
    max_iterations: Count = 1000
    """Of L-BFGS. Some dozens are usual, some hundreds where weights without regularization would
    grow for ever; a probe that needs more than these is reported."""


class Downstream(Settings):
    """k-NN and linear accuracy on anonymized images, fitted on anonymized train images."""

    k: Count = 20
    """Neighbours of the k-NN in the tables (the paper's is unknown)."""
    all_k: tuple[Count, ...] = (10, 20, 100, 200)
    """Neighbours that are reported (DINOv2's)."""
    temperature: Positive = 0.07
    """Weight of a neighbour: exp(similarity / temperature)."""
    linear: Linear = Linear()


class Correlation(Settings):
    """Correlation of retrieval and downstream metrics over models and methods."""

    bootstrap: Resamples = 2000
    """Resamples of the confidence interval."""
    confidence: Confidence = 0.95


class DetectionQuality(Settings):
    """What is measured about detection, and shown for a person to look at."""

    images: Count = 200
    """Images, drawn by a hash of their ids, that are searched again at low thresholds: for the
    sweep of data sets whose true boxes are known."""
    thresholds: Annotated[tuple[Fraction, ...], Field(min_length=1)] = (
        *(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99),
    )
    """Score thresholds of the sweep; the one in use is added."""
    listed: Count = 50
    """Least certain images of each kind that are listed."""


if TYPE_CHECKING:
    TableName = str
else:
    TableName = Literal[tuple(TABLES)]


class Presentation(Settings):
    """Tables, figures and the report."""

    language: Literal["en", "de"] = "en"
    """Of the report's first page and of the statement to a data protection officer; the evidence
    behind them is in English."""
    show_originals: bool = False
    """Show original pixels in figures and the report (originals, and images that may show what
    should be hidden: of a degree below 100, without regions, or on which a detector failed), ids of
    images and labels of classes. Without it such images are blank, and images and classes have
    numbers instead."""
    example_images: Count = 2
    """Images in an anonymization-example figure."""
    attention_images: Count = 1
    """Images whose attention maps are drawn."""
    explorer_queries: Natural = 12
    """Queries of each data set in the report's retrieval explorer; 0 leaves it out."""
    explorer_results: Count = 10
    """First results of each ranking that the explorer shows."""
    dpi: Annotated[int, Field(ge=10, le=1200)] = 150
    bootstrap: Resamples = 1000
    """Resamples of bootstrap intervals (detection), and of the choice of the best model."""
    confidence: Confidence = 0.95
    """Coverage of intervals; tests have the level that is left."""
    equivalence_margin: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.03
    """Differences of a score up to this share do not matter: two systems are equivalent where their
    difference is shown to be smaller."""
    stated_difference: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.02
    """Difference of a score, as a share, that a data set should be large enough to show."""
    tables: tuple[TableName, ...] = (
        "policy",
        "front_area",
        "corrected",
        "reidentification",
        "attacks",
        "mapped",
        "trainings",
        "sample_sizes",
        "deployments",
        "given",
    )
    """Tables of each data set, beside those of its scores. One that needs attacks or deployments is
    left out where there are none."""
    widest_interval: Annotated[float, Field(gt=0.0, le=1.0)] = 0.2
    """Widest interval, as a share, of a value on the report's first page and in its front figure.
    What is less certain is called not known, and the report says what to add."""
