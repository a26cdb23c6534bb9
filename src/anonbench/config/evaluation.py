"""Settings of embedding, scores and presentation."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from anonbench.core.settings import Confidence, Count, Natural, Positive, Resamples, Settings, Share


class Embedding(Settings):
    """Features of the teacher: the class token after the final norm."""

    WITHOUT_EFFECT: ClassVar[frozenset[str]] = frozenset({"workers"})

    batch_size: Count = 64  # Images in a batch.
    workers: Natural = 0  # Processes that load images; results do not depend on it.


class Retrieval(Settings):
    """Comparison with the reference ranking; the defaults are the published convention."""

    WITHOUT_EFFECT: ClassVar[frozenset[str]] = frozenset(
        {"block", "shards", "memory_gb", "near_duplicates"}
    )

    fraction: Annotated[float, Field(gt=0.0, le=1.0)] = 0.05
    """Share of the N images that is relevant to a query: k = floor(fraction · N); no ranking is
    judged below k = 5."""
    include_self: bool = True
    """Count a query's own image among the retrieved and relevant images if k is at least 5."""
    ap_depth: Literal["full", "k"] = "full"
    """Average precision over the `full` ranking, or truncated at `k`."""
    gain: Literal["linear", "exponential"] = "linear"
    """Gain of a retrieved image with reference similarity s: s (`linear`) or 2^s - 1
    (`exponential`)."""
    negative_gain: Literal["keep", "clip", "shift"] = "keep"
    """Negative similarities: unchanged (`keep`), zero (`clip`), or all shifted from [-1, 1] to [0,
    1] (`shift`)."""
    gain_of: Literal["all", "relevant"] = "all"
    """Images that have a gain: `all` retrieved ones, or only the `relevant` ones."""
    ties: Literal["mean", "id"] = "mean"
    """Equal similarities: the `mean` over all their orders, or the order of ids, which favours some
    classes."""
    top: Annotated[int, Field(ge=1, le=1000)] = 10
    """Number of first results that are compared by Kendall's tau and overlap."""
    persistence: Share = 0.9
    """Rank-biased overlap: probability that a reader goes on from one result to the next."""
    queries: Count | None = None
    """Number of queries to score, drawn by a hash of their ids; by default all."""
    block: Count = 512  # Queries whose similarities are in memory at once.
    shards: Count = 1  # Jobs that share a data set's queries; the result is the same bit for bit.
    memory_gb: Positive = 8.0
    """Memory for databases, in GB; if a data set needs more, it is compared in groups."""
    near_duplicates: tuple[Annotated[int, Field(ge=0, le=32)], ...] = ()
    """Score every scenario also without near-duplicates: images whose perceptual hashes differ in
    at most so many of 64 bits, such as `[0, 4, 8]`."""


class Deployments(Settings):
    """Partly anonymized archives, scored with the existing embeddings.

    Each data set is scored at its highest degree with the reference's seed; see
    docs/explanation/archives.md.
    """

    mixed: bool = False  # Score archives of which a share is anonymized and the rest are originals.
    shares: ClassVar[tuple[int, ...]] = (25, 50, 75)
    """Percent of a mixed database that is anonymized, in addition to 0 and 100."""
    queries: ClassVar[int] = 2000  # Largest number of queries, drawn by a hash of their ids.


class Downstream(Settings):
    """Accuracy of k-NN and of a linear probe, fitted on anonymized train images."""

    k: Count = 20  # Neighbours of the k-NN in the tables.


class DetectionQuality(Settings):
    """Measurements of detection, and images for a person to look at."""

    listed: Count = 50  # Number of least certain images of each kind that are listed.


class Presentation(Settings):
    """Tables, figures and the report."""

    language: Literal["en", "de"] = "en"
    """Language of the report's first page and of the statement to a data protection officer."""
    show_originals: bool = False
    """Show original pixels, image ids and class labels in figures and the report, instead of blanks
    and numbers."""
    example_images: Count = 2  # Images in a figure of anonymization examples.
    attention_images: Count = 1  # Images whose attention maps are drawn.
    explorer_queries: Natural = 12
    """Queries of each data set in the report's retrieval explorer; 0 leaves it out."""
    explorer_results: ClassVar[int] = 10  # First results of each ranking that the explorer shows.
    dpi: Annotated[int, Field(ge=10, le=1200)] = 150  # Resolution of figures, in dots per inch.
    bootstrap: Resamples = 1000
    """Resamples of bootstrap intervals of detection and of the choice of the best model."""
    confidence: Confidence = 0.95
    """Coverage of intervals, as a share; the level of tests is 1 minus it."""
    equivalence_margin: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.03
    """Largest difference of a score, as a share, that does not matter: smaller ones count as
    equivalent."""
    stated_difference: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.02
    """Difference of a score, as a share, that a data set should be large enough to show."""
    widest_interval: Annotated[float, Field(gt=0.0, le=1.0)] = 0.2
    """Widest interval, as a share, with which a re-identification rate can pass a limit; a wider
    one can fail it, and is otherwise called not known."""
