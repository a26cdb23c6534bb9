"""Choice of each data set in full: method, strength and model, what it loses, what is not known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from anonbench.config.experiment import Experiment
from anonbench.core.registries.systems import SystemKind
from anonbench.core.vocabulary import UNADAPTED
from anonbench.core.wording import count
from anonbench.evaluation.decision import Verdict
from anonbench.evaluation.intervals import MIN_SEEDS
from anonbench.evaluation.policy.verdicts import Verdict as PolicyVerdict
from anonbench.reporting.html.choices.advice import Advice, Option
from anonbench.reporting.html.choices.best import method_name, model_name, named


@dataclass(frozen=True)
class Planned:
    """What the config says of a data set."""

    methods: tuple[str, ...]
    degrees: tuple[int, ...]
    adaptions: tuple[str, ...]
    training_seeds: tuple[int, ...]
    control_seeds: tuple[int, ...]
    is_frozen: bool
    """Whether the model is given, so that none can be trained."""
    strengths: Mapping[str, str]
    """How strong each method is, in words."""
    given: int = 0
    """Programs whose pictures are judged."""
    attacks: str = "privacy: { enabled: true }"
    """Setting by which re-identification is tried."""

    @property
    def variants(self) -> int:
        """Anonymized variants."""
        return len(self.methods) * len(self.degrees) + self.given

    @property
    def models(self) -> int:
        """Models that are trained with a seed."""
        return 1 + self.variants * len(self.adaptions)


def planned(experiment: Experiment) -> dict[str, Planned]:
    """Return what the config says of each data set."""
    config = experiment.config
    return {
        name: Planned(
            methods=tuple(map(str, dataset.methods)),
            degrees=tuple(sorted(dataset.degrees)),
            adaptions=tuple(map(str, dataset.trained_adaptions)),
            training_seeds=config.training_seeds,
            control_seeds=config.control_seeds,
            is_frozen=experiment.is_frozen(name),
            strengths={
                str(method): _strength(
                    config.anonymization.method(str(method)).model_dump(mode="json"),
                    [str(entity) for entity in experiment.entities(name)],
                )
                for method in dataset.methods
            },
            given=len(dataset.given),
            **_attacked_by(experiment.config.system_of(name)),
        )
        for name, dataset in experiment.datasets.items()
    }


def _attacked_by(system: SystemKind | None) -> dict[str, str]:
    """Return the setting that lets regions be looked for, where the usual one does not.

    Vectors that were made elsewhere say nothing of crops.
    """
    if system is None or system.embeds_images:
        return {}
    return {"attacks": "privacy: { recognizer: { weights: face.onnx } }"}


def _strength(parameters: Mapping[str, Any], entities: Sequence[str]) -> str:
    """Say a method's parameters, those by entity for the entities that are sought alone."""
    parts = []
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            of_sought = [f"{entity} {value[entity]}" for entity in entities if entity in value]
            value = ", ".join(of_sought)
        parts.append(f"{name.replace('_', ' ')}: {value}")
    return "; ".join(parts)


def recommended(
    given: Sequence[Advice],
    plans: Mapping[str, Planned],
    has_second: Mapping[str, bool],
    tests: Mapping[str, pd.DataFrame],
    limit: float,
) -> list[tuple[str, str]]:
    """Return the choice of each data set in full: data set and text.

    Args:
        given: the best choices under the limit, or without it where none meets it
            (`anonbench.reporting.html.choices.headline.preferred`).
        plans: of `planned`.
        has_second: by data set, whether the quality kept is judged by a second reference.
        tests: of `pairs_of_choices`, by data set.
        limit: percent of the regions that may be re-identified.

    """
    found = []
    for row in given:
        if row.best is None:
            continue
        best, plan = row.best, plans.get(row.dataset)
        strength = plan.strengths.get(best.method, "") if plan else ""
        how = f" ({strength})" if strength else ""
        sure = has_second.get(row.dataset, False)
        frozen = plan is not None and plan.is_frozen
        bias = "" if frozen else ", which favours the unadapted model"
        by = "" if sure else f" by its own ranking{bias}"
        sentences = [
            f"{row.query.capitalize()} queries: {method_name(best.method)}{how} of {best.degree} % "
            f"of the regions, with the {_model(best, frozen)}. {_loss(best)}{by}."
        ]
        same = [each for each in row.alike if _equivalent(tests.get(row.dataset), row, best, each)]
        if best.risk_low is not None and best.risk_low > limit:
            found_again = f"{best.risk} ({best.risk_interval}) of the regions are re-identified"
            sentences.append(f"It exceeds the limit on re-identification: {found_again}.")
        elif best.risk_high is None or best.risk_high > limit:
            sentences.append(f"It is not known to keep re-identification at or below {limit:g} %.")
        if best.failed and best.standing == PolicyVerdict.FAIL:
            sentences.append(f"It does not pass the policy for {best.failed}.")
        elif best.failed:
            lacking = best.failed.removeprefix("not known: ")
            sentences.append(f"It is not known to pass the policy: {lacking}.")
        if open_ := [each for each in row.alike if each not in same]:
            sentences.append(f"Whether {_named(open_)} is better or worse cannot be told.")
        if same:
            sentences.append(
                f"{_named(same)} is equivalent within the margin: no experiment has to settle it."
            )
        if plan and not plan.is_frozen and len(plan.training_seeds) < MIN_SEEDS:
            seeds = count(len(plan.training_seeds), "training seed")
            sentences.append(f"That other trainings agree cannot be told from {seeds}.")
        found.append((row.dataset, " ".join(sentences)))
    return found


def _equivalent(tests: pd.DataFrame | None, row: Advice, best: Option, other: Option) -> bool:
    """Return whether tests show that two choices differ by less than the margin."""
    found = tests_of(tests, row, best, other)
    return bool(found) and all(test["verdict"] == Verdict.EQUIVALENT for test in found)


def _named(options: Sequence[Option]) -> str:
    return named((option.method, option.adaption) for option in options)


def _model(best: Option, frozen: bool) -> str:
    if frozen:
        return "system as it is"
    if best.adaption == UNADAPTED:
        return "unadapted model"
    return f"model of adaption {model_name(best.adaption)}"


def _loss(best: Option) -> str:
    """Say what is lost, from what is kept: its interval turned round."""
    lost = 100.0 - float(best.kept.removesuffix(" %"))
    if not best.interval:
        return f"{lost:.1f} % of the quality is lost, how surely is not known"
    high, low = (100.0 - float(end) for end in best.interval.split(" to "))
    if low > 0:
        return f"It loses {lost:.1f} % of the quality ({low:.1f} to {high:.1f})"
    return f"No loss of quality is shown ({lost:.1f} %, interval {low:.1f} to {high:.1f})"


def tests_of(
    tests: pd.DataFrame | None, row: Advice, best: Option, other: Option
) -> list[dict[Any, Any]]:
    """Return the tests of two choices by mAP: none where both method and model differ."""
    if tests is None or tests.empty:
        return []
    pair = {(best.method, best.adaption), (other.method, other.adaption)}
    at = (tests["degree"] == best.degree) & (tests["query"] == row.query)
    return [
        test
        for test in tests[at & (tests["metric"] == "map")].to_dict("records")
        if {
            (test["method_a"], test["adaption_a"]),
            (test["method_b"], test["adaption_b"]),
        }
        == pair
    ]


def pairs_of_choices(
    models: pd.DataFrame | None, methods: pd.DataFrame | None, effects: pd.DataFrame | None
) -> pd.DataFrame:
    """Return tests of choices, with `method_a`, `adaption_a`, `method_b` and `adaption_b`.

    By a second reference where there is one: what adapting costs, which compares an adapted model
    with the unadapted one. The own reference would favour the latter; without a second one, it has
    tests of models and of methods.

    Args:
        models: `anonbench.evaluation.comparisons.pairwise.read_comparisons`: a and b are adaptions.
        methods: `read_method_comparisons`: a and b are methods.
        effects: `anonbench.evaluation.comparisons.effect_table.read_effects`.

    """
    if effects is not None and len(found := effects[effects["effect"] == "adapting"]):
        same = {"method_a": found["method"], "method_b": found["method"]}
        # a cost is what the unadapted model scores more; verdicts are on the adapted one
        turned = {"difference": -found["value"], "low": -found["high"], "high": -found["low"]}
        return found.assign(adaption_a=found["adaption"], adaption_b=UNADAPTED, **same, **turned)
    parts = []
    if models is not None and len(models):
        same = {"method_a": models["method"], "method_b": models["method"]}
        parts.append(models.assign(adaption_a=models["a"], adaption_b=models["b"], **same))
    if methods is not None and len(methods):
        equal = {"adaption_a": methods["adaption"], "adaption_b": methods["adaption"]}
        parts.append(methods.assign(method_a=methods["a"], method_b=methods["b"], **equal))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
