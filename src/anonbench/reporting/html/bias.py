"""Share of retrieval bias in the unadapted model's lead, as text and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from anonbench.evaluation.retrieval_bias import Adapting, Conclusions, Difference
from anonbench.reporting.html.answer import method_label, model_label
from anonbench.reporting.labels import RETRIEVAL_METRICS, metric_label

NO_CONTROL = (
    "How much of its lead is only retrieval bias (the reference is its own ranking) cannot be "
    "told: no retraining control was run (control_seeds in the config)."
)


@dataclass(frozen=True)
class CostRow:
    """One adapted model beside the control, as text in points."""

    dataset: str
    degree: int
    method: str
    model: str
    query: str
    metric: str
    shown: str
    retraining: str
    beyond: str
    share: str


def bias_points(conclusions: Mapping[str, Conclusions]) -> Iterator[str]:
    """Say by mAP, over all data sets, what retraining and adapting cost and the share of bias."""
    controlled = {name: given for name, given in conclusions.items() if given.adapting}
    if not controlled:
        yield NO_CONTROL
        return
    adapting = [
        entry for given in controlled.values() for entry in given.adapting if entry.metric == "map"
    ]
    shares = [entry.bias_share for entry in adapting if entry.bias_share is not None]
    if shares:
        whole = sum(share >= 1 for share in shares)
        middle = 100 * min(max(median(shares), 0.0), 1.0)
        yield (
            "Retrieval bias: training the same model again with another seed explains "
            f"{middle:.0f} % of its lead in mAP over adapted models (median of {len(shares)} "
            f"comparisons in which it clearly leads), and all of it in {whole}."
        )
    again = [
        100 * cost.value
        for given in controlled.values()
        if (cost := given.retrained_on_originals("map")) is not None
    ]
    if again:
        low, high = _signed(min(again)), _signed(max(again))
        span = low if low == high else f"{low} to {high}"
        yield f"Retraining alone, nothing anonymized, changes mAP by {span} points."
    worse = sum(entry.cost.high < 0 for entry in adapting)
    better = sum(entry.cost.low > 0 for entry in adapting)
    yield (
        f"Beyond that, adapting clearly loses mAP in {worse}, gains in {better} and makes no clear "
        f"difference in {len(adapting) - worse - better} of {len(adapting)} comparisons."
    )
    if better:
        yield (
            "Adapted models share the reference’s seed, so its first weights and batches; the "
            "control does not. Where they lie above it, a shared beginning keeps more of the "
            "ranking than adapting loses: keep the seed, too, when a model is trained again."
        )


def cost_rows(conclusions: Mapping[str, Conclusions]) -> list[CostRow]:
    """Return what adapting costs with and without the retraining control, a row a scenario."""
    return [
        CostRow(
            dataset,
            entry.degree,
            method_label(entry.method),
            model_label(entry.adaption),
            entry.query,
            metric_label(entry.metric),
            _difference(entry.shown),
            _signed(100 * (entry.shown.value - entry.cost.value)),
            _difference(entry.cost),
            _share(entry),
        )
        for dataset, given in conclusions.items()
        for entry in _retrieval(given.adapting)
    ]


def _retrieval(entries: Sequence[Adapting]) -> list[Adapting]:
    return [entry for entry in entries if entry.metric in RETRIEVAL_METRICS]


def _share(entry: Adapting) -> str:
    if entry.bias_share is None:
        return "–"
    return f"{100 * min(max(entry.bias_share, 0.0), 1.0):.0f} %"


def _difference(given: Difference) -> str:
    low, high = _signed(100 * given.low), _signed(100 * given.high)
    return f"{_signed(100 * given.value)} ({low} to {high})"


def _signed(value: float) -> str:
    return f"{value:+z.1f}".replace("-", "−")  # z: no negative zero
