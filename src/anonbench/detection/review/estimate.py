"""Random sample of a review, and the estimate of missed regions from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.numeric.rates import Rate, clustered_rate
from anonbench.core.numeric.seeding import hash_ints
from anonbench.core.wording import count
from anonbench.detection.quality.quality import COVERAGES, Size, hidden_shares, outlines


@dataclass(frozen=True)
class Misses:
    """Regions that detection left visible in one image, by a person's marks."""

    regions: int
    """Marked regions."""
    missed: int
    """Regions of which the found ones cover less than half."""
    partly: int
    """Regions of which the found ones cover half or more, but less than 90 %."""


@dataclass(frozen=True)
class Estimate:
    """Misses of the detectors, from a random sample."""

    images: Rate
    """Share of images with a miss."""
    regions: Rate
    """Share of regions that are missed."""
    missed_images: int
    missed_regions: int
    partly: int
    unseen: int
    """Number of images that nobody reviewed."""
    confidence: float

    @property
    def unseen_with_miss(self) -> int | None:
        """Upper bound of images with a miss among those not reviewed; None if unknown."""
        high = self.images.high
        return None if np.isnan(high) else int(np.ceil(high * self.unseen - 1e-9))


def draw_sample(ids: Sequence[str], seed: int, size: int) -> list[str]:
    """Return `size` ids in random order; a larger sample begins with a smaller one."""
    order = np.argsort(hash_ints((seed, "review sample"), ids), kind="stable")
    return [ids[place] for place in order[:size]]


def count_misses(found: Sequence[Region], wanted: Sequence[Region], size: Size) -> Misses:
    """Coverage of a person's regions by the found ones, whatever their entity.

    Args:
        found: by the detectors.
        wanted: regions that the person added or kept; those outside the image do not count.
        size: width and height.

    """
    true = outlines(wanted, size)
    shares = hidden_shares(true, outlines(found, size))
    shares = shares[~np.isnan(shares)]
    half, most = COVERAGES
    partly = int(((shares >= half) & (shares < most)).sum())
    return Misses(len(shares), int((shares < half).sum()), partly)


def estimate(looks: Sequence[Misses], unseen: int, confidence: float) -> Estimate:
    """Return the rates of misses with their intervals, regions clustered by image.

    If none was missed, the interval ends at 1 - (1 - confidence)^(1 / n), which is about 3 / n at
    95 % (Hanley and Lippman-Hand 1983, JAMA 249:1743-1745, the rule of three).

    Args:
        looks: reviewed images of the sample, in the order drawn, none skipped.
        unseen: number of images that nobody reviewed.
        confidence: coverage of the intervals.

    """
    images = np.array([float(look.missed > 0) for look in looks])
    regions = np.concatenate(
        [np.zeros(0), *(np.arange(look.regions) < look.missed for look in looks)]
    ).astype(float)
    owners = np.repeat(np.arange(len(looks)), [look.regions for look in looks])
    return Estimate(
        _rate(images, np.arange(len(images)), confidence),
        _rate(regions, owners, confidence),
        int(images.sum()),
        int(regions.sum()),
        sum(look.partly for look in looks),
        unseen,
        confidence,
    )


def _rate(hits: np.ndarray, clusters: np.ndarray, confidence: float) -> Rate:
    rate = clustered_rate(hits, clusters, confidence)
    if rate.value > 0 or np.isnan(rate.high):
        return rate
    high = 1.0 - (1.0 - confidence) ** (1.0 / rate.effective)
    return Rate(0.0, 0.0, high, rate.n, rate.clusters, rate.effective)


def sentences(result: Estimate, drawn: int, skipped: int) -> list[str]:
    """Return the estimate in words.

    Args:
        result: see `estimate`.
        drawn: number of images in the sample.
        skipped: number of reviewed images of the sample that come after one not reviewed.

    """
    n = result.images.n
    said = [f"Random sample: {n:,} of {count(drawn, 'image')} looked at."]
    if skipped:
        said.append(
            f"{count(skipped, 'image')} of it looked at out of order: they count when those before "
            "them were, since a choice is no random sample."
        )
    if not n:
        return said
    said.append(_told("images", "show something that was not hidden", result.images, result))
    if result.regions.n:
        said.append(_told("marked regions", "were missed", result.regions, result))
    if result.partly:
        said.append(f"{count(result.partly, 'region')} more hidden by half to 90 %.")
    if result.unseen_with_miss is not None:
        said.append(
            f"Of {count(result.unseen, 'image')} that nobody looked at, at most "
            f"{result.unseen_with_miss:,} show something that is not hidden."
        )
    return said


def _told(what: str, verb: str, rate: Rate, result: Estimate) -> str:
    hits = result.missed_images if what == "images" else result.missed_regions
    text = f"{hits:,} of {rate.n:,} {what} {verb}"
    level = f"{100 * result.confidence:g} %"
    if rate.reason:
        return f"{text}; too few images for an interval."
    if not hits:
        return f"{text}: at most {_percent(rate.high)} ({level}, one-sided)."
    low, high = _percent(rate.low), _percent(rate.high)
    return f"{text}: {_percent(rate.value)} ({level} interval {low} to {high})."


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
