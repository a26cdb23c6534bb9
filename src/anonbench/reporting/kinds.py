"""Tables of each data set, one entry each: label, inputs, and functions that make it.

A class's docstring is its caption. Without its own `values`, its CSV holds its input table.
Functions are imported on use, because the config imports this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from anonbench.core.registries.tables import Grid, Results, ResultTable

if TYPE_CHECKING:
    import pandas as pd


class Policy(ResultTable):
    """Whether each method and degree passes the policy, and the rules that it does not pass, with
    what was measured and the limit.
    """

    name: ClassVar = "policy"
    label: ClassVar = "Policy"
    needs: ClassVar = ("policy",)

    def grid(self, results: Results) -> Grid:
        """One row per variant."""
        from anonbench.reporting.privacy.policy import policy_grid

        return policy_grid(results.dataset, results.tables["policy"])


class FrontArea(ResultTable):
    """The area under the front of privacy and utility, for every risk, utility and method: the
    utility kept, on average over all limits on the risk.
    """

    name: ClassVar = "front_area"
    label: ClassVar = "Privacy against utility, in one number"
    needs: ClassVar = ("scores", "policy")

    def values(self, results: Results) -> pd.DataFrame:
        """Areas, as shares."""
        from anonbench.reporting.privacy.front_area import front_areas

        return front_areas(results.tables["policy"], results.tables["scores"])

    def grid(self, results: Results) -> Grid:
        """One row per risk and utility, one column per method, in percent."""
        from anonbench.reporting.privacy.front_area import front_area_grid

        return front_area_grid(results.dataset, self.values(results))


class Corrected(ResultTable):
    """Retrieval scores between what a model without knowledge reaches and what the unadapted model
    reaches when it is trained again.
    """

    name: ClassVar = "corrected"
    label: ClassVar = "Corrected scores"
    needs: ClassVar = ("scores",)

    def values(self, results: Results) -> pd.DataFrame:
        """Each score with its ceiling and its corrected score, as shares."""
        from anonbench.reporting.retrieval.corrected import corrected_scores

        return corrected_scores(results.tables["scores"])

    def grid(self, results: Results) -> Grid:
        """One row for each degree, query kind and model, in percent."""
        from anonbench.reporting.retrieval.corrected import corrected_grid

        return corrected_grid(results.dataset, results.tables["scores"])


class Reidentification(ResultTable):
    """How often an attacker finds the person or region behind a sensitive region, by method, degree
    and attacker, with the gallery's size and chance.
    """

    name: ClassVar = "reidentification"
    label: ClassVar = "Re-identification"
    needs: ClassVar = ("rates",)

    def grid(self, results: Results) -> Grid:
        """Rates in percent."""
        from anonbench.reporting.privacy.reidentification import reidentification_grid

        shown = results.presentation
        rates = results.tables["rates"]
        return reidentification_grid(
            results.dataset, rates, shown.confidence, shown.widest_interval
        )


class Attacks(ResultTable):
    """What can be read, decoded, found, linked or inferred in published images and vectors, by
    method and degree, beside the same attack on masked images and a random guess.
    """

    name: ClassVar = "attacks"
    label: ClassVar = "Other attacks"
    needs: ClassVar = ("attacks",)

    def grid(self, results: Results) -> Grid:
        """Rates in percent."""
        from anonbench.reporting.privacy.attacks import attacks_grid

        table = results.tables["attacks"]
        return attacks_grid(results.dataset, table, results.presentation.confidence)


class Mapped(ResultTable):
    """What a map of hidden images' vectors gives back, by method, degree and number of pairs,
    beside remedies that cost nothing and a control."""

    name: ClassVar = "mapped"
    label: ClassVar = "Mapped vectors"
    needs: ClassVar = ("maps",)

    def grid(self, results: Results) -> Grid:
        """One row per remedy, in percent."""
        from anonbench.reporting.retrieval.mapped import mapped_grid

        return mapped_grid(results.dataset, results.tables["maps"], results.presentation.confidence)


class Trainings(ResultTable):
    """How much of a training's ranking of original images each other training keeps."""

    name: ClassVar = "trainings"
    label: ClassVar = "Agreement of trainings"
    needs: ClassVar = ("trainings",)

    def grid(self, results: Results) -> Grid:
        """One row per training and one column per reference, in percent."""
        from anonbench.reporting.retrieval.trainings import trainings_grid

        table = results.tables["trainings"]
        return trainings_grid(results.dataset, table, results.presentation.confidence)


class SampleSizes(ResultTable):
    """How many images or persons a stated difference takes, from the variance components of what
    anonymizing and adapting cost.
    """

    name: ClassVar = "sample_sizes"
    label: ClassVar = "Sample sizes"
    needs: ClassVar = ("variance",)

    def grid(self, results: Results) -> Grid:
        """One row for each effect, query kind and metric."""
        from anonbench.reporting.retrieval.sample_sizes import sample_size_grid

        return sample_size_grid(results.dataset, results.tables["variance"])


class Deployments(ResultTable):
    """Other ways to search the archive: a share of it anonymized, original embeddings kept, queries
    by another method. Each is compared with what it replaces.
    """

    name: ClassVar = "deployments"
    label: ClassVar = "Other ways to search the archive"
    needs: ClassVar = ("deployments",)

    def grid(self, results: Results) -> Grid:
        """mAP in percent: one block per kind, one row per database with its queries."""
        from anonbench.reporting.retrieval.deployments import deployments_grid

        table = results.tables["deployments"]
        return deployments_grid(results.dataset, table, results.presentation.confidence)


class Given(ResultTable):
    """How many of the regions that detection found another program has hidden, and how much it
    changed elsewhere.
    """

    name: ClassVar = "given"
    label: ClassVar = "Pictures of other programs"
    needs: ClassVar = ("given",)

    def grid(self, results: Results) -> Grid:
        """Shares in percent, one row per program and entity."""
        from anonbench.reporting.privacy.given import given_grid

        return given_grid(results.dataset, results.tables["given"], results.presentation.confidence)


BUILT_IN = (
    *(Policy, FrontArea, Corrected, Reidentification, Attacks, Mapped, Trainings, SampleSizes),
    *(Deployments, Given),
)
KINDS: dict[str, type[ResultTable]] = {each.name: each for each in BUILT_IN}
