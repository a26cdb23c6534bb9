"""Choice of variants, models and scenarios for figures and the explorer."""

from __future__ import annotations

from dataclasses import dataclass

from anonbench.config.experiment import Experiment
from anonbench.config.outputs import Scenario
from anonbench.core.registries.method_names import is_audited
from anonbench.core.vocabulary import ORIGINAL, Model, Variant


@dataclass(frozen=True)
class Shown:
    """Selections of one experiment, by data set."""

    experiment: Experiment

    def originals(self) -> list[str]:
        """The originals' variant if originals may be shown, otherwise nothing."""
        return [ORIGINAL] if self.experiment.config.presentation.show_originals else []

    def may_show(self, variant: Variant) -> bool:
        """Whether pictures of a variant may be shown.

        Those of other programs and of a redrawing network are not checked: only if originals are.
        """
        return is_audited(variant.method) or bool(self.originals())

    def examples(self, dataset: str) -> list[str]:
        """Variants for example images; without originals only the highest degree."""
        variants = self.experiment.variants(dataset)
        if seen := self.originals():
            return [*seen, *map(str, variants)]
        highest = max(variant.degree for variant in variants)
        return [str(v) for v in variants if v.degree == highest and self.may_show(v)]

    def attention(self, dataset: str) -> list[str]:
        """Variants beside which attention is drawn."""
        return [*self.originals(), str(self.experiment.shown_variant(dataset))]

    def attended(self, dataset: str) -> list[str]:
        """Variants on which attention is computed."""
        return [ORIGINAL, str(self.experiment.shown_variant(dataset))]

    def explored(self, dataset: str) -> list[Scenario]:
        """The explorer's scenarios: anonymized images with the reference's seed, and a control.

        The control is the first unadapted model of another seed, on every variant.
        """
        every = self.experiment.scenarios(dataset)
        scenarios = [run for run in every if self.may_show(run.variant)]
        seeds = self.experiment.seeds(dataset, Model())
        compared = [s for s in scenarios if s.seed == seeds[0] and s.variant != Variant()]
        return compared + [s for s in scenarios if s.model == Model() and s.seed in seeds[1:2]]

    def explored_names(self, dataset: str) -> list[tuple[str, str]]:
        """Model (its adaption, or `control`) and variant of the explorer's scenarios."""
        reference = self.experiment.reference_seed
        return [
            (
                "control" if s.model == Model() and s.seed != reference else str(s.model.adaption),
                str(s.variant),
            )
            for s in self.explored(dataset)
        ]

    def explored_pictures(self, dataset: str) -> dict[str, str]:
        """Variant that the explorer draws for each method: the highest degree."""
        data = self.experiment.datasets[dataset]
        pictures = {str(method): f"{method}-{max(data.degrees)}" for method in data.methods}
        others = filter(self.may_show, self.experiment.unaudited_variants(dataset))
        pictures |= {str(variant.method): str(variant) for variant in others}
        return pictures | {name: name for name in self.originals()}
