"""Scoring engine on torch, for a GPU (or a CPU, in tests).

Products are in float32, never TF32; sorts are stable, so that equal images are ordered by id. The
last bits of a similarity depend on the device. Needs only torch and NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from anonbench.core.libraries.precision import full_float32
from anonbench.core.numeric.frames import COSINE, Frame
from anonbench.core.numeric.similarity import blocks, repeated
from anonbench.evaluation.retrieval.scoring.metrics import COLUMNS, Measures, Reference
from anonbench.evaluation.retrieval.scoring.ties import tied_precision

if TYPE_CHECKING:
    from anonbench.config import Retrieval

_STRIP = 1 << 26
"""Similarities that are sorted at once: 2 GB with their positions and the memory of the sort."""


class Database:
    """A database on the device."""

    def __init__(self, units: np.ndarray, device: torch.device, frame: Frame = COSINE) -> None:
        """Take rows of a frame, float32 [N, D]."""
        self._order = frame.order(units.shape[1])
        self.size, self.depth = units.shape
        self.units = torch.from_numpy(np.ascontiguousarray(units)).to(device)
        self._again, self._first = (torch.tensor(rows, device=device) for rows in repeated(units))

    def similarity(self, queries: torch.Tensor) -> torch.Tensor:
        """Similarities, float32 [rows, N]; equal vectors of the database get equal values."""
        if self._order is not None:
            queries = queries[:, self._order]
        product = queries @ self.units.T
        if len(self._again):
            product[:, self._again] = product[:, self._first]
        # make both zeros equal: -0 + 0 is 0
        return product.add_(0.0)


class TorchEngine:
    """An `anonbench.evaluation.retrieval.scoring.engine.Engine` on a device of torch."""

    def __init__(self, settings: Retrieval, k: int, device: torch.device) -> None:
        full_float32()
        self._settings = settings
        self._k = k
        self._device = device
        self._averaged = settings.ties == "mean"

    def database(self, units: np.ndarray, frame: Frame = COSINE) -> Database:
        """See `Engine`."""
        return Database(units, self._device, frame)

    def slices(self, queries: int) -> list[slice]:
        """See `Engine`."""
        return blocks(queries, self._settings.block)

    @torch.no_grad()
    def reference(
        self, searched: Database, queries: np.ndarray, self_columns: np.ndarray
    ) -> Reference:
        """See `Engine`."""
        measures = Measures(self._settings, self._k, searched.size, torch, self._constant)
        similarity = self._similarity(searched, queries, self_columns)
        columns = self._constant(self_columns)
        shape, depth = similarity.shape, measures.depth
        place = torch.full(shape, depth, dtype=torch.int32, device=self._device)
        ideal, chance, floor, is_open = [], [], [], []
        for strip in _strips(similarity):
            values = similarity[strip]
            first = _order(values)[:, :depth]
            steps = measures.steps.to(torch.int32).expand(first.shape)
            place[strip].scatter_(1, first, steps)
            gain = values.gather(1, first[:, : measures.k])
            own_gain = values.gather(1, columns[strip, None])[:, 0]
            is_open.append(self._averaged & ((values >= gain[:, -1:]).sum(1) > measures.k))
            ideal.append(measures.ideal(gain))
            given = values, gain, own_gain, ideal[-1]
            chance.append(measures.chance(*given))
            floor.append(measures.chance(*given, own_first=True))
        random, with_self = (torch.cat(each).cpu().numpy() for each in (chance, floor))
        parts = similarity, None, place, torch.cat(ideal), torch.cat(is_open).cpu().numpy()
        return Reference(random, with_self, measures, *parts)

    def score(
        self,
        truth: Reference,
        searched: Database,
        queries: Sequence[np.ndarray],
        self_columns: np.ndarray,
    ) -> list[dict[str, np.ndarray]]:
        """See `Engine`."""
        return [self._score(truth, searched, units, self_columns) for units in queries]

    @torch.no_grad()
    def _score(
        self, truth: Reference, searched: Database, queries: np.ndarray, self_columns: np.ndarray
    ) -> dict[str, np.ndarray]:
        similarity = self._similarity(searched, queries, self_columns)
        measures = truth.measures
        found = []
        for strip in _strips(similarity):
            values = similarity[strip]
            order = _order(values)
            places = truth.place[strip].gather(1, order)
            precision = None
            if self._settings.ap_depth == "full":
                # every row holds all k relevant images
                relevant = (places < measures.k).nonzero()[:, 1]
                ranks = relevant.reshape(len(order), measures.k) + 1
                precision = self._precision(measures, values.gather(1, order), ranks)
            gained = truth.similarity[strip].gather(1, order[:, : measures.k])
            first = places[:, : measures.depth].long()
            gain = measures.gain(gained, first)
            tied = self._tied(values, order[:, : measures.k + 1]) | truth.open[strip]
            rows = np.flatnonzero(tied).tolist()
            for row in rows:
                given = order[row, : measures.k], values[row], truth.similarity[strip][row]
                own = gain[row].cpu().numpy()
                measures.average_gain(own, *(each.cpu().numpy() for each in given))
                gain[row] = self._constant(own)
            scores = measures.scores(first, precision, gain, truth.ideal[strip])
            for row in rows:
                if truth.open[strip][row] or precision is None:
                    both = values[row], truth.similarity[strip][row]
                    ap = measures.average_precision(*(each.cpu().numpy() for each in both))
                    scores["ap"][row] = ap
            found.append(torch.stack([scores[column] for column in COLUMNS]))
        return dict(zip(COLUMNS, torch.cat(found, 1).cpu().numpy(), strict=True))

    def _precision(
        self, measures: Measures, values: torch.Tensor, ranks: torch.Tensor
    ) -> torch.Tensor:
        """Precision at the relevant images, over all orders of equal ones [rows, k].

        Args:
            measures: of the scores.
            values: similarities, descending [rows, N].
            ranks: of the relevant images, from 1 [rows, k].

        """
        exact = torch.arange(1.0, measures.k + 1, device=ranks.device, dtype=torch.float64) / ranks
        if not self._averaged:
            return exact
        relevant = values.gather(1, ranks - 1)
        before, upto = _above(values, relevant)
        earlier, later = _above(relevant, relevant)
        size = upto - before
        pace = (later - earlier - 1).double() / (size - 1).clip(1)
        counts = torch.arange(1, values.shape[1] + 1, device=ranks.device, dtype=torch.float64)
        harmonic = torch.nn.functional.pad((1.0 / counts).cumsum(0), (1, 0))
        mean = tied_precision(harmonic, before, size, earlier + 1, pace, values.shape[1])
        # if all equal images are relevant, their order does not matter
        return torch.where(pace == (size > 1), exact, mean)

    def _tied(self, values: torch.Tensor, order: torch.Tensor) -> np.ndarray:
        """Whether one of the first k images equals the next one, bool [rows]."""
        first = values.gather(1, order)
        equal = self._averaged & (first[:, 1:] == first[:, :-1]).any(1)
        return np.asarray(equal.cpu().numpy())

    def _similarity(
        self, searched: Database, queries: np.ndarray, self_columns: np.ndarray
    ) -> torch.Tensor:
        similarity = searched.similarity(self._constant(queries))
        if not self._settings.include_self:
            # a query's own image comes last
            lowest = torch.nextafter(similarity.amin(1), similarity.new_tensor(-torch.inf))
            similarity.scatter_(1, self._constant(self_columns)[:, None], lowest[:, None])
        return similarity

    def _constant(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self._device)


def _order(similarity: torch.Tensor) -> torch.Tensor:
    """Positions of each row sorted by similarity, int64 [rows, N]."""
    return torch.sort(similarity, dim=1, descending=True, stable=True).indices


def _above(values: torch.Tensor, wanted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Numbers of descending values [rows, N] above, and at or above, each wanted value."""
    ascending, sought = -values, -wanted
    return (
        torch.searchsorted(ascending, sought),
        torch.searchsorted(ascending, sought, right=True),
    )


def _strips(similarity: torch.Tensor) -> list[slice]:
    rows, size = similarity.shape
    return blocks(rows, max(1, _STRIP // size))
