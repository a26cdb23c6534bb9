"""Refusal of experiments with too few images: listed in planning, and left after detection."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pandas as pd

from anonbench.config import Retrieval
from anonbench.config.experiment import Experiment
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Split
from anonbench.datasets.image_sets.doubts import images_by_split
from anonbench.evaluation.privacy.rates import MIN_CLUSTERS
from anonbench.evaluation.retrieval.scoring.metrics import (
    MIN_K,
    cutoff,
    effective_settings,
    images_needed,
)
from anonbench.evaluation.sufficiency import MIN_QUERIES


def check_counts(
    experiment: Experiment, counts: Mapping[str, Mapping[Split, int]], names: Iterable[str] = ()
) -> list[str]:
    """Warnings of data sets (all, or those in `names`) with too few images for any statement.

    Raises:
        InputError: a data set has too few images for a batch or a ranking; one line for each.
    """
    names = list(names) or list(experiment.datasets)
    retrieval, privacy = experiment.config.retrieval, experiment.config.privacy
    problems = [
        f"datasets.{name}: {problem}"
        for name in names
        for problem in _problems(counts[name], retrieval, experiment.batch(name))
    ]
    if problems:
        raise InputError("too few images:\n  " + "\n  ".join(problems))
    warnings, needed = [], images_needed(retrieval)
    for name in names:
        val = counts[name][Split.VAL]
        if (k := _k(val, retrieval)) < MIN_K:
            warnings.append(
                f"datasets.{name}: {val} validation images give k = {k}; below {MIN_K} the report "
                "states nothing about rankings, and a query's own image does not count. It takes "
                f"{needed:,} validation images: add {needed - val:,}"
            )
        elif (queries := min(retrieval.queries or val, val)) < MIN_QUERIES:
            warnings.append(
                f"datasets.{name}: {queries} queries are scored; below {MIN_QUERIES} the report "
                "states nothing about rankings"
            )
        if privacy.enabled and val < MIN_CLUSTERS:
            warnings.append(
                f"datasets.{name}: {val} validation images; below {MIN_CLUSTERS} the report states "
                "nothing about re-identification"
            )
    return warnings


def require_left(counts: Path, retrieval: Retrieval, batch: int) -> None:
    """Check that the images left after detection suffice for training and ranking.

    Args:
        counts: CSV with the columns split and used.
        retrieval: settings of the rankings' cut-off.
        batch: images per training step.

    Raises:
        InputError: they are too few; the message says how many are needed.
    """
    used = images_by_split(counts)
    problems = list(_problems({split: used[split] for split in Split}, retrieval, batch))
    if problems:
        raise InputError(
            f"{counts.parent.name}: after detection, {'; '.join(problems)}. skipped.csv says what "
            "was left out"
        )


def require_classes(manifest: Path, label: str | None) -> None:
    """Raise an InputError if the labelled train images of a manifest are all of one class."""
    if label is None:
        return
    table = pd.read_parquet(manifest, columns=["split", label])
    classes = table.loc[table["split"] == str(Split.TRAIN), label].dropna().unique()
    if len(classes) < 2:
        raise InputError(
            f"datasets.{manifest.parent.name}.label: all train images have the same {label}: there "
            "is nothing to classify; choose another label, or leave it out"
        )


def _problems(counts: Mapping[Split, int], retrieval: Retrieval, batch: int) -> Iterator[str]:
    val, train = counts[Split.VAL], counts[Split.TRAIN]
    if not _k(val, retrieval):
        yield (
            f"{val} validation images; with retrieval.fraction {retrieval.fraction:g} a ranking "
            f"needs {images_needed(retrieval, 1):,}, and a statement {images_needed(retrieval):,}"
        )
    if train < batch:
        yield (
            f"{train} train images are fewer than a batch of {batch} (optimizer.batch_size of the "
            "recipe; 16 for adaption D of a system); lower it or add images"
        )


def _k(images: int, retrieval: Retrieval) -> int:
    try:
        return cutoff(images, effective_settings(images, retrieval))
    except InputError:
        return 0
