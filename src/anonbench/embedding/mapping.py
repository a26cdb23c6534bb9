"""Map from a hidden image's vector to that of its original, learned from pairs of vectors.

map(x) = x + W (x - mean) + shift. W is a ridge regression of the difference between the two
vectors, so that a strong penalty leaves vectors unchanged. Regression of the old vector is the best
way to search an old index by a new network (Budnik and Avrithis 2021, "Asymmetric metric learning
for knowledge transfer"). Folds over clusters choose the penalty; a map is never evaluated on a
cluster that it was learned from.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial, reduce
from operator import add
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from anonbench.core.errors import InputError
from anonbench.core.io import atomic
from anonbench.core.numeric.seeding import rng
from anonbench.core.numeric.similarity import repeated, threads, unit_rows
from anonbench.core.vocabulary import QueryKind

log = logging.getLogger(__name__)
FOLDS = 5
STRENGTHS = (*(10.0 ** (power / 2) for power in range(-6, 5)), float("inf"))
"""Penalties, as multiples of the mean variance of a dimension; infinite: only the mean shift."""
_KEY, _DIGEST, _CHUNK = "anonbench", "sha256", 2048
_APPLIED = 1024  # number of vectors mapped at once, so that they stay in the cache
_ROUNDING = 1e-9  # least variance, as a share of the mean square: sums of squares tell no less
_LEAST = 1e-12  # penalty of vectors without variance
_TENSORS = ("weights", "mean", "shift")


@dataclass(frozen=True)
class Map:
    """Learned map of one system's vectors of images that one method has hidden."""

    weights: np.ndarray
    """Transpose of W, float32 [D, D]."""
    mean: np.ndarray
    """Of the hidden images' vectors, float32 [D]."""
    shift: np.ndarray
    """Mean difference of the pairs, float32 [D]."""
    card: Mapping[str, Any] = field(default_factory=dict)
    """Model card: system, method, similarity, strength, pairs, clusters, gain, price."""
    _warned: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def width(self) -> int:
        """Dimension D."""
        return len(self.mean)

    def apply(self, hidden: np.ndarray) -> np.ndarray:
        """Map vectors of hidden images, float [N, D]; by cosine their lengths do not matter.

        Raises:
            InputError: they have another shape, or a value that is no finite number.
        """
        hidden = self._checked("hidden", hidden)
        warn(self)
        mapped = np.empty(hidden.shape, np.float32)
        constant = self.shift - self.mean @ self.weights
        whole = self.weights + np.eye(self.width, dtype=np.float32)
        for start in range(0, len(hidden), _APPLIED):
            rows = np.asarray(hidden[start : start + _APPLIED], np.float32)
            part = mapped[start : start + _APPLIED]
            np.matmul(rows, whole, out=part)
            if self._is_cosine:  # of length 1, as `rows_of` makes them; zero vectors stay zero
                norms = np.sqrt(np.einsum("nd,nd->n", rows, rows))[:, None]
                part /= np.where(norms, norms, 1.0)
            part += constant
        # a product's last bits depend on the row; equal images tie in a ranking
        again, first = repeated(np.ascontiguousarray(hidden))
        mapped[again] = mapped[first]
        return mapped

    def queries(self, originals: np.ndarray) -> np.ndarray:
        """Map query vectors [N, D] instead, for a stored index of hidden images' vectors.

        q · map(x) = (q + Wᵀ q) · x + a term that is the same for all x. So a search by inner
        product finds the same; the index keeps vectors of length 1 where they are compared by
        cosine, and only the lengths of map(x) are then left out of account.

        Raises:
            InputError: as for `apply`, or the map is a mean shift: W is zero.
        """
        originals = self._checked("originals", originals)
        if not self.weights.any():
            raise InputError(
                "the map adds the same vector to all, so by inner product every query ranks an "
                "unmapped index as before; map the index (`anonbench map apply` without --queries)"
            )
        warn(self)
        rows = unit_rows(originals) if self._is_cosine else np.asarray(originals, np.float32)
        return np.asarray(rows + rows @ self.weights.T, np.float32)

    def save(self, path: Path | str) -> None:
        """Write a safetensors file with the card in its metadata; equal maps give equal bytes."""
        from safetensors.numpy import save_file

        tensors = {name: np.ascontiguousarray(getattr(self, name)) for name in _TENSORS}
        text = _text({**self.card, _DIGEST: _digest(self.card, tensors)})
        with atomic(Path(path)) as temporary:
            save_file(tensors, temporary, metadata={_KEY: text})

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read what `save` wrote.

        Raises:
            InputError: the file is missing, cut off, damaged, or no map.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="np") as file:
                tensors = {name: file.get_tensor(name) for name in _TENSORS}
                card = dict(json.loads(file.metadata()[_KEY]))
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            text = " ".join(str(error).split())
            raise InputError(f"{path}: not a map of `anonbench map fit` ({text})") from None
        told = card.pop(_DIGEST, "")
        if told and told != _digest(card, tensors):
            raise InputError(f"{path}: damaged, its digest is another: copy it again, or learn it")
        weights, mean, shift = (np.asarray(each, np.float32) for each in tensors.values())
        shapes = {mean.shape, shift.shape, weights.shape[:1], weights.shape[1:]}
        if len(shapes) > 1 or not all(np.isfinite(each).all() for each in (weights, mean, shift)):
            raise InputError(f"{path}: not a map: its arrays do not fit, or are not finite")
        return cls(weights, mean, shift, card)

    def require(self, system: str = "", method: str = "") -> None:
        """Refuse vectors of another system or method.

        Args:
            system: digest of the system that made the vectors; empty if unknown.
            method: how their images were hidden, such as `blur-100`; empty if unknown.

        Raises:
            InputError: the card names another one.
        """
        for what, given in (("system", system), ("method", method)):
            known = str(self.card.get(what, ""))
            if given and known and given != known:
                raise InputError(
                    f"the map was learned for the {what} {known[:40]!r}, and the vectors are of "
                    f"{given[:40]!r}; learn a map for these (`anonbench map fit`)"
                )

    @property
    def _is_cosine(self) -> bool:
        return str(self.card.get("similarity", "cosine")) == "cosine"

    def _checked(self, name: str, vectors: np.ndarray) -> np.ndarray:
        kind, vectors = type(vectors).__name__, np.asarray(vectors)
        if vectors.ndim != 2:
            raise InputError(
                f"{name}: {kind} of shape {vectors.shape}; give an array of shape [n, {self.width}]"
            )
        if vectors.shape[1] != self.width:
            raise InputError(
                f"{name}: vectors of shape {vectors.shape} for a map of {self.width} dimensions: "
                "they are another system's"
            )
        if vectors.dtype.kind not in "fiu" or not np.isfinite(vectors).all():
            raise InputError(f"{name}: a vector has a value that is no finite number")
        return vectors


def _text(card: Mapping[str, Any]) -> str:
    return json.dumps(dict(card), sort_keys=True, ensure_ascii=False)


def _digest(card: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> str:
    parts = [_text(card).encode(), *(each.tobytes() for each in tensors.values())]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def warn(learned: Map) -> None:
    """Log why a map is not recommended, once; nothing if it is."""
    if not learned.card.get("recommended", True) and not learned._warned:
        reasons = learned.card.get("why_not", {})
        learned._warned.append(str(reasons.get(QueryKind.ORIGINAL.value)))
        log.warning("this map is not recommended for original queries: %s", learned._warned[0])


def rows_of(vectors: np.ndarray, similarity: str) -> np.ndarray:
    """Vectors in the form for maps, float32 [N, D]: with length 1 if compared by cosine."""
    return unit_rows(vectors) if similarity == "cosine" else np.asarray(vectors, np.float32)


def folds_of(clusters: np.ndarray, seed: int) -> np.ndarray:
    """Return a fold of each pair, int64 [N], 0 to `FOLDS` - 1: clusters stay together.

    InputError: there are fewer clusters than folds.
    """
    codes = np.unique(clusters, return_inverse=True)[1]
    count = int(codes.max(initial=-1)) + 1
    if count < FOLDS:
        raise InputError(
            f"{count} clusters (persons, documents) of pairs, and a map needs at least {FOLDS}: "
            "it is judged by others than it was learned from"
        )
    turns = rng(seed, "map").permutation(count)
    return np.asarray(turns[codes] % FOLDS, np.int64)


class _Moments(NamedTuple):
    """Sums over pairs of hidden vectors x and differences d, float64."""

    number: int
    x: np.ndarray
    d: np.ndarray
    xx: np.ndarray
    xd: np.ndarray

    def about(self, x: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the sums xx and xd of vectors less x and differences less d."""
        xx = self.xx - np.outer(self.x, x) - np.outer(x, self.x) + self.number * np.outer(x, x)
        xd = self.xd - np.outer(self.x, d) - np.outer(x, self.d) + self.number * np.outer(x, d)
        return xx, xd


def _total(parts: Iterable[_Moments]) -> _Moments:
    return _Moments(*(reduce(add, each) for each in zip(*parts, strict=True)))


class Pairs:
    """Pairs of vectors, summed up by fold in one pass; maps are solved from the sums.

    Fewer hidden vectors than dimensions are summed up in the space that they span: no ridge
    regression has a part outside of it.
    """

    def __init__(
        self,
        originals: np.ndarray,
        hidden: np.ndarray,
        folds: np.ndarray,
        similarity: str = "cosine",
    ) -> None:
        """Sum up pairs of float [N, D], possibly memory-mapped: some thousand rows are copied.

        `folds` are of each pair (`folds_of`), int64 [N].
        """
        self.width, self.similarity = hidden.shape[1], similarity
        self._eigen: dict[frozenset[int], tuple[np.ndarray, ...]] = {}
        named = [int(fold) for fold in np.unique(folds)]
        self._basis: np.ndarray | None = None
        if len(hidden) < self.width:
            self._basis = np.linalg.qr(rows_of(hidden, similarity).T.astype(np.float64))[0]

        def summed(rows: np.ndarray) -> _Moments:
            x = rows_of(hidden[rows], similarity).astype(np.float64)
            d = rows_of(originals[rows], similarity) - x
            if self._basis is not None:
                x = x @ self._basis
            return _Moments(len(rows), x.sum(axis=0), d.sum(axis=0), x.T @ x, x.T @ d)

        def of(fold: int) -> _Moments:
            rows = np.flatnonzero(folds == fold)
            parts = (rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK))
            return reduce(lambda *two: _total(two), map(summed, parts))

        with ThreadPoolExecutor(threads()) as pool:
            self.moments = dict(zip(named, pool.map(of, named), strict=True))

    def fit(self, without: int | None = None, strengths: Sequence[float] = STRENGTHS) -> Map:
        """Learn a map from all folds, or from all but one; they choose one of the strengths."""
        chosen = frozenset(self.moments) - {without}
        best = 0
        if len(strengths) > 1:
            errors = np.sum([self._errors(chosen, each, strengths) for each in chosen], axis=0)
            best = len(errors) - 1 - int(np.argmin(errors[::-1]))  # of equal ones the strongest
        total = _total(self.moments[fold] for fold in sorted(chosen))
        mean, shift = total.x / total.number, total.d / total.number
        solved = _weights(total, strengths[best], self.width)
        if self._basis is not None:
            mean, solved = self._basis @ mean, self._basis @ solved
        card = {"strength": strengths[best], "pairs": total.number, "similarity": self.similarity}
        # in the layout of a file: products of another layout are rounded otherwise
        weights = np.ascontiguousarray(solved, np.float32)
        return Map(weights, np.asarray(mean, np.float32), np.asarray(shift, np.float32), card)

    def fits(
        self, without: Sequence[int | None], strengths: Sequence[float] = STRENGTHS
    ) -> dict[int | None, Map]:
        """Learn the maps from all but one fold each (None: from all), in parallel."""
        with ThreadPoolExecutor(threads()) as pool:
            learned = pool.map(partial(self.fit, strengths=strengths), without)
            return dict(zip(without, learned, strict=True))

    def _errors(
        self, chosen: frozenset[int], held_out: int, strengths: Sequence[float]
    ) -> np.ndarray:
        """Return each strength's squared error on a fold, less a part common to all."""
        fitting = chosen - {held_out}
        fitted = _total(self.moments[fold] for fold in sorted(fitting))
        if fitting not in self._eigen:
            self._eigen[fitting] = _eigen(fitted)
        values, vectors, projected = self._eigen[fitting]
        judged = self.moments[held_out]
        xx, xd = judged.about(fitted.x / fitted.number, fitted.d / fitted.number)
        linear = (projected * (vectors.T @ xd)).sum(axis=1)
        quadratic = (vectors.T @ xx @ vectors) * (projected @ projected.T)
        # an infinite strength of no variance is infinite too
        mean = max(values.sum() / self.width, _LEAST)
        scales = [1.0 / (values + strength * mean + _LEAST) for strength in strengths]
        return np.array([scale @ quadratic @ scale - 2.0 * (scale @ linear) for scale in scales])


def _covariances(total: _Moments) -> tuple[np.ndarray, np.ndarray]:
    """Those of x and of x with d, zero if all x are the same: none is a rounding error."""
    xx, xd = total.about(total.x / total.number, total.d / total.number)
    if np.trace(xx) <= _ROUNDING * np.trace(total.xx):
        return np.zeros_like(xx), np.zeros_like(xd)
    return xx / total.number, xd / total.number


def _eigen(total: _Moments) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return eigenvalues of the vectors' covariance, its eigenvectors, and xd among these."""
    from scipy.linalg import eigh

    xx, xd = _covariances(total)
    values, vectors = eigh(xx, driver="evd")
    return np.maximum(values, 0.0), vectors, vectors.T @ xd


def _weights(total: _Moments, strength: float, width: int) -> np.ndarray:
    """Return the transpose of W; zero where the penalty is infinite."""
    from scipy.linalg import cho_factor, cho_solve

    xx, xd = _covariances(total)
    if not np.isfinite(strength):
        return np.zeros_like(xd)
    xx[np.diag_indices_from(xx)] += strength * np.trace(xx) / width + _LEAST
    return np.asarray(cho_solve(cho_factor(xx, overwrite_a=True), xd, overwrite_b=True))
