"""Attacks on published vectors: linkage, inference of attributes, inversion by a decoder."""

from collections.abc import Callable, Iterator
from typing import ClassVar

import numpy as np

from anonbench.core.numeric.seeding import rng
from anonbench.core.registries.attacks import (
    Archive,
    ArchiveAttack,
    AttackNotPossibleError,
    Outcome,
    Risk,
)
from anonbench.core.vocabulary import Variant

LEAST = 2  # images in an archive where anything can be linked
TIED = 1e-6  # similarities that differ by no more are equal: products are rounded


class Linkage(ArchiveAttack):
    """An original is looked for in the published archive by its vector, as a query is.

    `rank_1`: its own version comes first. `member`: a person's photograph tells whether others of
    that person are in the archive (area under the ROC curve).
    """

    name: ClassVar = "linkage"
    label: ClassVar = "Linkage by retrieval"
    risk: ClassVar = Risk.LINKABILITY

    def outcomes(self, archive: Archive) -> Iterator[Outcome]:
        """See `ArchiveAttack.outcomes`."""
        if len(archive.ids) < LEAST:
            raise AttackNotPossibleError("one image is no archive")
        clusters = archive.clusters[archive.queries]
        for variant, vectors in archive.vectors.items():
            similar = archive.asked @ vectors.T
            own = rank_1(similar, archive.queries)
            yield Outcome("rank_1", variant, own, clusters, 1.0 / len(archive.ids))
            if archive.persons is not None:
                shares = membership(similar, archive.queries, archive.persons)
                chance = membership_by_chance(archive.queries, archive.persons)
                yield Outcome("member", variant, shares, clusters, chance)


def rank_1(similar: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Probability that each query's own version comes first, float [Q]; see `membership`."""
    mine = similar[np.arange(len(own)), own][:, None]
    tied = (np.abs(similar - mine) <= TIED).sum(axis=1)
    return np.where((similar > mine + TIED).any(axis=1), 0.0, 1.0 / tied)


def membership(similar: np.ndarray, own: np.ndarray, persons: np.ndarray) -> np.ndarray:
    """Membership score of each query's person, compared with persons not in the archive.

    The score is a query's highest similarity to the archive without its own version. Its share is
    that of the queries of others whose highest similarity to an archive without their person it
    exceeds. The mean is the area under the ROC curve (Mann and Whitney 1947).

    Args:
        similar: of queries to an archive, [Q, N]; `own`: place of each query's own version [Q].
        persons: number of each image's person [N], -1 where it is not known.

    Returns:
        Float [Q]; NaN for queries whose person is unknown or has no other image.
    """
    mine = persons[own]
    without_own = similar.copy()
    without_own[np.arange(len(own)), own] = -np.inf
    is_own_person = mine[:, None] == persons
    with_person = without_own.max(axis=1)
    without_person = np.where(is_own_person, -np.inf, similar).max(axis=1)
    able = (mine >= 0) & (is_own_person.sum(axis=1) > 1) & np.isfinite(without_person)
    shares = np.full(len(own), np.nan)
    for row in np.flatnonzero(able):
        others, score = without_person[able & (mine != mine[row])], with_person[row]
        if len(others):
            shares[row] = ((others < score) + 0.5 * (others == score)).mean()
    return shares


def membership_by_chance(own: np.ndarray, persons: np.ndarray) -> float:
    """Value of `membership` for uninformative similarities, a little above one half.

    The highest of n similarities exceeds that of m others with probability n / (n + m), and the
    archive that another query is compared by is smaller, without that query's person.
    """
    mine = persons[own]
    sizes = (mine[:, None] == persons).sum(axis=1)
    able = (mine >= 0) & (sizes > 1)
    others = mine[able][:, None] != mine[able]
    others = others[others.any(axis=1)]
    exceeds = (len(persons) - 1.0) / (2.0 * len(persons) - 1.0 - sizes[able])
    return float((others @ exceeds / others.sum(axis=1)).mean()) if len(others) else 0.5


MEASURE = "accuracy"  # of the label; of another attribute with its name behind
FOLDS = 5  # folds that clusters are split into for cross-validation
RIDGE = 1.0  # regularization, in multiples of the number of images and of a feature's mean square
LEAST_LABELLED = 20
"""Labelled images that are needed for a rate; of an attribute, half as many of each value."""


class Inference(ArchiveAttack):
    """Labels of published images, predicted from their vectors by a linear classifier.

    It predicts the label of the data set and, separately, each of its further attributes.

    Ridge regression on the classes (Hoerl and Kennard 1970), in folds: no cluster is both in the
    training set and in the test set, and a class that only one fold has does not count. The random
    baseline is the most frequent class. Some values of an attribute are far more frequent than
    others. Therefore all values count equally in training, and an equal number of images of each is
    drawn, so that the baseline is an even guess.
    """

    name: ClassVar = "inference"
    label: ClassVar = "Inference of attributes"
    risk: ClassVar = Risk.INFERENCE

    def outcomes(self, archive: Archive) -> Iterator[Outcome]:
        """See `ArchiveAttack.outcomes`."""
        named = {f"{MEASURE}_of_{name}": numbers for name, numbers in archive.others.items()}
        if archive.attribute is not None or not named:
            named = {MEASURE: archive.attribute} | named
        found: list[Outcome] = []
        lacks: list[Outcome] = []
        for measure, numbers in named.items():
            try:
                found += self._of(archive, measure, numbers)
            except AttackNotPossibleError as error:
                nothing = np.empty(0), np.empty(0, np.int64), float("nan")
                lacks.append(Outcome(measure, Variant(), *nothing, reason=str(error)))
        if not found:
            reasons = dict.fromkeys(each.reason for each in lacks)
            raise AttackNotPossibleError("; ".join(reasons))
        yield from [*found, *lacks]

    def _of(self, archive: Archive, measure: str, numbers: np.ndarray | None) -> Iterator[Outcome]:
        if numbers is None:
            raise AttackNotPossibleError("the data set has no label")
        known = np.flatnonzero(numbers >= 0)
        if not len(known):
            raise AttackNotPossibleError("no image has a label")
        codes = np.unique(archive.clusters[known], return_inverse=True)[1]
        turns = rng(archive.seed, "inference").permutation(codes.max() + 1)
        fold = turns[codes] % FOLDS  # clusters stay together
        # a class of one fold would be tested without having been learned
        pairs = np.unique([numbers[known], fold], axis=1)
        values, folds = np.unique(pairs[0], return_counts=True)
        able = np.isin(numbers[known], values[folds > 1])
        known, fold = known[able], fold[able]
        is_even = measure != MEASURE
        if is_even:
            values, counts = np.unique(numbers[known], return_counts=True)
            frequent = np.isin(numbers[known], values[counts >= LEAST_LABELLED // 2])
            known, fold = known[frequent], fold[frequent]
        truth = numbers[known]
        classes, counts = np.unique(truth, return_counts=True)
        if len(known) < LEAST_LABELLED or len(classes) < 2:
            raise AttackNotPossibleError(
                f"{len(known)} images of {len(classes)} classes that more than one cluster has: "
                "too few"
            )
        drawn = _as_many_of_each(truth, archive.seed) if is_even else np.arange(len(truth))
        chance = 1.0 / len(classes) if is_even else float(counts.max() / counts.sum())
        for variant, vectors in archive.vectors.items():
            right = predicted(vectors[known], truth, fold, is_even) == truth
            shares = right[drawn].astype(np.float64)
            yield Outcome(measure, variant, shares, archive.clusters[known[drawn]], chance)


def predicted(
    vectors: np.ndarray, labels: np.ndarray, fold: np.ndarray, is_even: bool = False
) -> np.ndarray:
    """Predicted class of each image, learned from the other folds, int64 [N].

    Vectors are [N, D]; `is_even` gives all classes the same weight in learning.
    """
    from anonbench.evaluation.privacy.attackers import ridge  # imports torch

    classes = np.unique(labels)
    targets = (labels[:, None] == classes).astype(np.float64)
    found = np.empty(len(labels), dtype=labels.dtype)
    for number in np.unique(fold):
        test = fold == number
        seen, goal = vectors[~test].astype(np.float64), targets[~test]
        weights = None
        if is_even:  # weights of mean 1, by which all classes with images have the same sum
            counts = goal.sum(axis=0)
            weights = goal @ (len(goal) / np.maximum(counts, 1) / (counts > 0).sum())
        (classifier,) = ridge(seen, goal, [RIDGE], weights)
        found[test] = classes[classifier(vectors[test]).argmax(axis=1)]
    return found


def _as_many_of_each(labels: np.ndarray, seed: int) -> np.ndarray:
    """Places of a sample with as many images of each value as the rarest one, int64 [N]."""
    order = rng(seed, "attribute").permutation(len(labels))
    groups = [order[labels[order] == value] for value in np.unique(labels)]
    size = min(map(len, groups))
    return np.sort(np.concatenate([group[:size] for group in groups]))


STRENGTHS = tuple(10.0 ** (power / 2) for power in range(-8, 5))
"""Penalties that leaving one image out chooses among, as multiples of the mean eigenvalue."""
FEWEST, MOST = 20, 2000  # images that a decoder is learned from; more are drawn from
SECONDS = 9.5 / 2000**2  # seconds to learn a decoder, per image squared, on a core
SIDE = 32  # of a thumbnail, in pixels


class Inversion(ArchiveAttack):
    """Thumbnails of images, drawn from their vectors by a decoder.

    A thumbnail shows the face of an image if the data set has faces, else the whole image.

    The decoder is learned by ridge regression from the attacker's own images (train images, at most
    2,000 drawn ones), which are hidden, embedded and, for mapped vectors, mapped like the published
    ones. `inverted`: among the originals' thumbnails, the own one is most similar to the drawn one,
    by the correlation of pixels. `recognized`: the same by the face recognizer
    (`privacy.recognizer`), if there is one.
    """

    name: ClassVar = "inversion"
    label: ClassVar = "Inversion of vectors"
    risk: ClassVar = Risk.SINGLING_OUT

    def seconds(self, taught: int) -> float:
        """See `ArchiveAttack.seconds`."""
        return SECONDS * min(taught, MOST) ** 2

    def outcomes(self, archive: Archive) -> Iterator[Outcome]:
        """See `ArchiveAttack.outcomes`."""
        training_set = archive.training_set
        if training_set is None or training_set.pictures is None or archive.pictures is None:
            raise AttackNotPossibleError("there are no vectors of train images to learn from")
        learned, shown = training_set.pictures(SIDE), archive.pictures(SIDE)
        if len(learned) < FEWEST:
            raise AttackNotPossibleError(f"{len(learned)} train images are too few to learn from")
        judges: dict[str, Callable[[np.ndarray], np.ndarray]] = {"inverted": _as_pixels}
        if archive.recognizer is not None:
            judges["recognized"] = archive.recognizer
        chosen = np.sort(rng(archive.seed, "inversion").permutation(len(learned))[:MOST])
        targets = learned[chosen].reshape(len(chosen), -1).astype(np.float64)
        asked = archive.queries
        for variant in [each for each in archive.vectors if each in training_set.vectors]:
            vectors = archive.vectors[variant][asked].astype(np.float64)
            own_vectors = training_set.vectors[variant][chosen].astype(np.float64)
            drawn = np.rint(decoded(own_vectors, targets, vectors))
            pictures = np.clip(drawn, 0, 255).astype(np.uint8).reshape(-1, *shown.shape[1:])
            for measure, judge in judges.items():
                own = rank_1(judge(pictures) @ judge(shown).T, asked)
                yield Outcome(measure, variant, own, archive.clusters[asked], 1 / len(archive.ids))


def decoded(training_vectors: np.ndarray, targets: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Output of ridge regression for vectors [N, D], float64 [N, T].

    The penalty has the lowest leave-one-out error on training vectors [P, D] and targets [P, T].
    """
    centre, mean = training_vectors.mean(axis=0), targets.mean(axis=0)
    centred = training_vectors - centre
    values, basis = np.linalg.eigh(centred @ centred.T)
    values = np.maximum(values, 0.0)
    projected = basis.T @ (targets - mean)
    best, weights = np.inf, projected
    for strength in STRENGTHS:
        inverse = 1.0 / (values + strength * values.mean() + 1e-12)
        found = basis @ (inverse[:, None] * projected)
        error = float(np.square(found / (np.square(basis) @ inverse)[:, None]).sum())
        if error < best:
            best, weights = error, found
    return np.asarray((vectors - centre) @ (centred.T @ weights) + mean)


def _as_pixels(pictures: np.ndarray) -> np.ndarray:
    """Pictures [N, S, S, 3] as vectors of length 1 whose products are correlations."""
    flat = pictures.reshape(len(pictures), -1).astype(np.float64)
    flat -= flat.mean(axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12))
