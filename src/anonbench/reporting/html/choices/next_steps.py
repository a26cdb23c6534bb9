"""Experiments that would settle what is open.

What an experiment costs is counted in jobs, so that the page does not depend on measured times;
these stand with the costs (`anonbench.reporting.html.effort`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import pandas as pd

from anonbench.core.numeric.statistics import fewest_trials
from anonbench.core.registries.method_names import setting_of
from anonbench.core.vocabulary import UNADAPTED, Adaption, QueryKind
from anonbench.core.wording import count
from anonbench.evaluation.decision import Verdict
from anonbench.evaluation.intervals import MIN_SEEDS
from anonbench.evaluation.policy.evidence import ATTACK, MIN_IMAGES, MISSED, REIDENTIFICATION
from anonbench.evaluation.policy.verdicts import Verdict as PolicyVerdict
from anonbench.evaluation.policy.words import subject
from anonbench.evaluation.sample_sizes.sample_size import POWER
from anonbench.reporting.html.choices.advice import NOT_ATTACKED, Advice, Option
from anonbench.reporting.html.choices.best import method_name
from anonbench.reporting.html.choices.in_full import Planned, tests_of

_Z = NormalDist().inv_cdf(0.975)
"""Half the width of an interval of 95 % in standard errors, about."""
_OPEN = (Verdict.UNDECIDED, Verdict.NOT_WORSE, Verdict.NOT_BETTER)
"""Verdicts that more data could sharpen."""


@dataclass(frozen=True)
class Work:
    """Jobs that an experiment adds, and images that somebody has to find."""

    images: int = 0
    """Clusters of images, such as persons, that are not there yet."""
    trainings: int = 0
    image_sets: int = 0
    embeddings: int = 0
    attacks: int = 0

    @property
    def jobs(self) -> dict[str, int]:
        """How many jobs of each stage there are, by the stage's name."""
        found = {
            "train": self.trainings,
            "anonymize": self.image_sets,
            "embed": self.embeddings,
            "reidentify": self.attacks,
        }
        return {stage: number for stage, number in found.items() if number}

    @property
    def order(self) -> tuple[int, ...]:
        """What the cheapest has least of: new images before trainings before all else."""
        return self.images, self.trainings, self.image_sets, self.attacks, self.embeddings


@dataclass(frozen=True)
class Step:
    """An experiment that would settle an open question."""

    dataset: str
    question: str
    """What is open: `whether …`, `which …`."""
    experiment: str
    """What to do."""
    setting: str
    """The config that does it; empty where it takes data."""
    work: Work


def next_steps(
    given: Sequence[Advice],
    options: Sequence[Option],
    plans: Mapping[str, Planned],
    has_second: Mapping[str, bool],
    tests: Mapping[str, pd.DataFrame],
    margin: float,
    limit: float,
    policies: Mapping[str, pd.DataFrame] | None = None,
) -> list[Step]:
    """Return the experiments that would settle what is open, the cheapest of a data set first.

    What keeps the best choice from passing comes before all else. Where every choice failed on
    evidence, nothing is proposed that only tells them apart.

    Args:
        given: the best choices under the limit, or without it where none meets it.
        options: all choices.
        plans: of `planned`.
        has_second: by data set, whether there is a second reference.
        tests: by data set, the paired tests of models and of methods, each row with `method` and
            `adaption` of a and b (`pairs_of_choices`).
        margin: differences up to it do not matter, as a share.
        limit: percent of the regions that may be re-identified.
        policies: by data set, columns `anonbench.evaluation.policy.verdicts.JUDGED`.

    """
    found: list[Step] = []
    for dataset, plan in plans.items():
        rows = [row for row in given if row.dataset == dataset]
        of_dataset = [option for option in options if option.dataset == dataset]
        if not of_dataset:
            continue
        unknown = next((option.unknown for option in of_dataset if option.unknown), "")
        steps = [
            *_without_second(dataset, plan, has_second.get(dataset, False)),
            *_other_trainings(dataset, plan, rows),
            *_ties(dataset, rows, tests.get(dataset), margin),
            *_attacks(dataset, plan, of_dataset),
            *_stronger(dataset, plan, rows, limit),
            *_degrees(dataset, plan, rows, of_dataset, margin, limit),
        ]
        if unknown:
            about = "whether its rankings can be judged"
            steps.append(Step(dataset, about, f"add images: {unknown}", "", Work(images=1)))
        judged = (policies or {}).get(dataset)
        if judged is not None:
            found += [
                *_detection(dataset, plan, rows, judged),
                *_open_attacks(dataset, rows, judged),
            ]
        found += sorted(steps, key=lambda step: step.work.order)
    return found


def _detection(
    dataset: str, plan: Planned, given: Sequence[Advice], judged: pd.DataFrame
) -> Iterator[Step]:
    """Better detection where too much is missed, and more true boxes where it is not known."""
    can_pass = not _failed(given)
    missed = judged[judged["rule"] == MISSED]
    for row in missed.drop_duplicates("entity").to_dict("records"):
        entity, limit = row["entity"], row["limit"]
        if row["verdict"] == str(PolicyVerdict.FAIL) or row["value"] > limit:
            yield Step(
                dataset,
                f"whether detectors can be set to miss at most {100 * limit:g} % of the true area "
                f"({entity})",
                "detect for coverage (greater margins, lower thresholds), or by one more detector",
                f"detection, datasets.{dataset}.detectors",
                _anew(plan),
            )
        elif row["verdict"] == str(PolicyVerdict.UNKNOWN) and can_pass:
            why = (
                row["reason"]
                or f"an interval of {100 * row['low']:.1f} to {100 * row['high']:.1f} %"
            )
            yield Step(
                dataset,
                f"how much of the true area detectors miss ({entity}): {why}",
                _true_boxes(row),
                f"datasets.{dataset}.truth",
                Work(attacks=1),
            )


def _failed(given: Sequence[Advice]) -> bool:
    """Tell whether even the best choices failed on evidence."""
    best = [row.best for row in given if row.best]
    return bool(best) and all(each.standing == PolicyVerdict.FAIL for each in best)


def _true_boxes(row: Mapping[Any, Any]) -> str:
    """Say of how many images true boxes are needed, if detectors miss as much as they were seen to.

    Of none yet: the fewest whose interval (Wilson's) ends at the limit where nothing is missed.
    """
    limit, there = row["limit"], 0 if pd.isna(row["n"]) else int(row["n"])
    if limit <= 0.0:
        return "add true boxes of more images"
    needed = max(fewest_trials(limit, 0.95), MIN_IMAGES)
    if there and row["value"] < limit:
        shrunk = (row["high"] - row["value"]) / (limit - row["value"])
        needed = max(math.ceil(there * shrunk**2), there + 1)
    number = max(needed - there, 1)
    return (
        f"draw the true boxes of {'about ' * bool(there)}{number:,} {'more ' * bool(there)}images"
    )


def _open_attacks(dataset: str, given: Sequence[Advice], judged: pd.DataFrame) -> Iterator[Step]:
    """Attacks of which it is not known whether the best choice that did not fail resists them."""
    best = next(
        (r.best for r in given if r.best and r.best.standing == PolicyVerdict.UNKNOWN), None
    )
    if best is None:
        return
    rows = judged[
        (judged["rule"] == ATTACK)
        & (judged["verdict"] == str(PolicyVerdict.UNKNOWN))
        & (judged["method"] == best.method)
        & (judged["degree"] == best.degree)
    ]
    tried = rows[rows["n"].notna() & (rows["attack"] != REIDENTIFICATION)]
    if len(tried):
        names = ", ".join(dict.fromkeys(subject(row) for row in tried.to_dict("records")))
        fewest = int(tried["n"].min())
        yield Step(
            dataset,
            f"whether {best.use} resists {names}",
            f"attack more regions (N = {fewest:,} now), of more images where there are no others",
            "privacy.attacked_regions",
            Work(attacks=1),
        )


def _anew(plan: Planned) -> Work:
    """Return the work on all anonymized images; what is only of originals stays."""
    seeds = 1 if plan.is_frozen else len(plan.training_seeds)
    adapted = 0 if plan.is_frozen else seeds * (plan.models - 1)
    return Work(
        trainings=adapted,
        image_sets=2 * plan.variants,
        embeddings=seeds * plan.variants + 2 * adapted,
        attacks=1,
    )


def _without_second(dataset: str, plan: Planned, has_second: bool) -> Iterator[Step]:
    if has_second or plan.is_frozen:
        return
    seed = max((*plan.training_seeds, *plan.control_seeds)) + 1
    yield Step(
        dataset,
        "how much of the loss is only another training's ranking (retrieval bias)",
        "train the unadapted model with another seed",
        f"control_seeds: [{seed}]",
        Work(trainings=1, embeddings=1 + plan.variants),
    )


def _other_trainings(dataset: str, plan: Planned, rows: Sequence[Advice]) -> Iterator[Step]:
    """Only where a choice needs a training: the unadapted model is compared with itself."""
    named = [each.adaption for row in rows if row.best for each in (row.best, *row.alike)]
    more = MIN_SEEDS - len(plan.training_seeds)
    if plan.is_frozen or more <= 0 or not set(named) - {UNADAPTED, Adaption.MAPPED}:
        return
    others = (s for s in range(MIN_SEEDS + 99) if s not in plan.control_seeds)
    new = [s for s in (*plan.control_seeds, *others) if s not in plan.training_seeds][:more]
    left = [s for s in plan.control_seeds if s not in new]
    seeds = ", ".join(map(str, (*plan.training_seeds, *new)))
    control = f", control_seeds: [{', '.join(map(str, left))}]" if plan.control_seeds else ""
    there = len(plan.control_seeds) - len(left)  # their unadapted models are
    yield Step(
        dataset,
        "whether other trainings of the adapted models do as well",
        f"train all models with {count(more, 'more seed')}",
        f"training_seeds: [{seeds}]{control}",
        Work(
            trainings=more * plan.models - there,
            # each model: the originals, and its own variant; the unadapted one all variants
            embeddings=(more - there) * (1 + plan.variants) + more * 2 * (plan.models - 1),
        ),
    )


def _ties(
    dataset: str, rows: Sequence[Advice], tests: pd.DataFrame | None, margin: float
) -> Iterator[Step]:
    """More clusters for the pair of choices that is hardest to tell apart, of each query kind."""
    for row in rows:
        if row.best is None or not row.alike or row.best.standing == PolicyVerdict.FAIL:
            continue
        best = row.best
        pairs = [
            (test, other)
            for other in row.alike
            for test in tests_of(tests, row, best, other)
            if test["verdict"] in _OPEN and not math.isnan(test["low"])
        ]
        needed = [(_more(test, margin), test, other) for test, other in pairs]
        if needed:
            more, test, other = max(needed, key=lambda each: each[0])
            yield Step(
                dataset,
                f"whether {best.use} or {other.use} is better for {row.query} queries (difference "
                f"{100 * test['difference']:+.1f} points, {100 * test['low']:+.1f} to "
                f"{100 * test['high']:+.1f})",
                f"about {more:,} more persons, forms or single images for validation (there are "
                f"{int(test['clusters']):,})",
                "",
                Work(images=more),
            )


def _more(test: Mapping[Any, Any], margin: float) -> int:
    """Return how many more clusters would show the difference, or that it is within the margin.

    In 80 of 100 archives, if it is as large as it was found, and after the adjustment for the other
    comparisons of its family. An interval's width falls with the root of the number of clusters.
    """
    family = max(test["p_holm"] / test["p"], 1.0) if test["p"] > 0.0 else 1.0
    se = (test["high"] - test["low"]) / 2.0 / _Z
    needed = NormalDist().inv_cdf(1.0 - 0.025 / family) + NormalDist().inv_cdf(POWER)
    value = abs(test["difference"])
    clusters = int(test["clusters"]) * (needed * se / max(value, margin - value)) ** 2
    return max(math.ceil(float(clusters)) - int(test["clusters"]), 1)


def _attacks(dataset: str, plan: Planned, options: Sequence[Option]) -> Iterator[Step]:
    if all(option.risk_unknown == NOT_ATTACKED for option in options):
        yield Step(
            dataset,
            "what these images reveal",
            "run the attacks",
            plan.attacks,
            Work(attacks=1),
        )


def _stronger(dataset: str, plan: Planned, rows: Sequence[Advice], limit: float) -> Iterator[Step]:
    """Where every rate is known and none is within the limit."""
    beyond = [row.best for row in rows if row.best and (row.best.risk_high or 0.0) > limit]
    if not beyond:
        return
    adaptions = len(plan.adaptions)
    best = beyond[0]
    strength = plan.strengths.get(best.method, "")
    yield Step(
        dataset,
        f"which anonymization surely stays at or below {limit:g} % re-identified",
        f"a stronger {method_name(best.method).lower()}{f' (now {strength})' if strength else ''}, "
        "or another method",
        setting_of(best.method),
        Work(
            image_sets=2 * len(plan.degrees),
            trainings=len(plan.degrees) * adaptions * len(plan.training_seeds),
            embeddings=2 * len(plan.degrees) * (1 + 2 * adaptions),
            attacks=1,
        ),
    )


def _degrees(
    dataset: str,
    plan: Planned,
    rows: Sequence[Advice],
    options: Sequence[Option],
    margin: float,
    limit: float,
) -> Iterator[Step]:
    """A degree in between, where a lower one keeps more and reveals too much."""
    for row in rows:
        if row.best is None or row.query != QueryKind.ORIGINAL:
            continue
        best = row.best
        below = [
            option
            for option in options
            if option.query == row.query
            and option.degree < best.degree
            and option.value > best.value + 100 * margin
            and (option.risk_high or 0.0) > limit
        ]
        if not below:
            continue
        lower = max(option.degree for option in below)
        between = round((lower + best.degree) / 2)
        degrees = sorted({*plan.degrees, between})
        if between in plan.degrees:
            continue
        methods, adaptions = len(plan.methods), len(plan.adaptions)
        yield Step(
            dataset,
            f"whether a degree between {lower} and {best.degree} keeps more within the limit",
            f"hide {between} % of the regions too",
            f"datasets.{dataset}.degrees: [{', '.join(map(str, degrees))}]",
            Work(
                image_sets=2 * methods,
                trainings=methods * adaptions * len(plan.training_seeds),
                embeddings=2 * methods * (1 + 2 * adaptions),
            ),
        )


def sentence(steps: Sequence[Step]) -> str:
    """Name the cheapest experiment of each data set, empty where nothing is open."""
    first: dict[str, Step] = {}
    for step in steps:
        first.setdefault(step.dataset, step)
    alike: dict[tuple[str, str], list[str]] = {}  # data sets by what is to be done in each
    for name, step in first.items():
        setting = step.setting.replace(f"datasets.{name}.", "datasets.*.")
        alike.setdefault((step.experiment, setting), []).append(name)
    texts = []
    for (experiment, shared), names in alike.items():
        setting = shared if len(names) > 1 else first[names[0]].setting
        texts.append(f"{', '.join(names)}: {experiment}{f' ({setting})' if setting else ''}")
    return f"Cheapest next experiment: {'; '.join(texts)}." if texts else ""
