"""Pairs that maps are learned from, and what more of them would give by an earlier run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from anonbench.core.vocabulary import QueryKind, Split
from anonbench.core.wording import count
from anonbench.evaluation.mapped.gather import read_maps
from anonbench.evaluation.mapped.judge import EXTRAPOLATED, MAP, MAPPED
from anonbench.workflow.startup import Startup


def map_pairs(started: Startup) -> list[dict[str, Any]]:
    """Pairs of each data set with maps; gains by variant and pairs if there is an earlier run."""
    found = []
    for name, data in started.experiment.datasets.items():
        if data.is_mapped:
            counts = started.counts[name]
            split = Split.TRAIN if counts[Split.TRAIN] else Split.VAL
            path = Path(started.settings.results) / name / "maps.csv"
            gains = dict(_gains(read_maps(path))) if path.exists() else {}
            found.append(
                {"dataset": name, "split": str(split), "pairs": counts[split], "gains": gains}
            )
    return found


def _gains(table: pd.DataFrame) -> Iterator[tuple[str, dict[int, float]]]:
    """Gain of original queries by number of pairs: that of all, and the extrapolated one."""
    rows = table[(table["metric"] == MAP) & (table["query"] == QueryKind.ORIGINAL)]
    for (method, degree), of_variant in rows.groupby(["method", "degree"], sort=False):
        known = of_variant.dropna(subset=["gain"])
        shown = pd.concat(known[known["remedy"] == each].tail(1) for each in (MAPPED, EXTRAPOLATED))
        if len(shown):
            gains = zip(shown["pairs"].astype(int), shown["gain"], strict=True)
            yield f"{method}-{degree}", dict(gains)


def map_lines(maps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Format `map_pairs`, a line a data set."""
    lines = []
    for each in maps:
        images = "train images" if each["split"] == Split.TRAIN else "validation images, in folds"
        pairs = count(each["pairs"], "pair")
        line = f"{each['dataset']}: a map learns from at most {pairs} ({images})."
        variants = [
            f"{variant} " + ", ".join(f"{100 * gain:+.1f} from {n:,}" for n, gain in of.items())
            for variant, of in each["gains"].items()
        ]
        if variants:
            line += " Gain in points of mAP by the last run, extrapolated to twice its pairs: "
            line += "; ".join(variants) + "."
        lines.append(line)
    return lines
