"""Files of each target that a user can request."""

from __future__ import annotations

from anonbench.config.outputs import ATTACK_TABLES
from anonbench.core.vocabulary import ORIGINAL, Variant
from anonbench.reporting.paper.scenario_tables import SCENARIO_TABLES
from anonbench.workflow.paths.pages import PagePaths


class Paths(PagePaths):
    """Paths of one experiment's results, and its targets."""

    def page_targets(self) -> dict[str, list[str]]:
        """Files of each table and figure: by the paper's number, and by file name."""
        stems = self.experiment.paper_targets()
        stems |= {f"table_{table.stem}": table.stem for table in self.experiment.tables}
        stems |= {f"figure_{figure.stem}": figure.stem for figure in self.experiment.figures}
        new = (f"{t}_{d}" for d in self.experiment.datasets for t in self.experiment.tables_of(d))
        stems |= {f"table_{stem}": stem for stem in new}
        for number, role in SCENARIO_TABLES.items():
            found = (name for name, d in self.experiment.datasets.items() if d.paper_role is role)
            stems |= {f"table_{number}": f"scenarios_{name}" for name in found}
        return {target: self.page(target, stem) for target, stem in stems.items()} | {
            "table_I": self.page("table_I", "experiment") + self.page("table_I", "sizes"),
        }

    def stage_targets(self, dataset: str) -> dict[str, list[str]]:
        """Files of each stage of a data set."""
        folder, experiment = f"{self.results}/{dataset}", self.experiment
        scenarios = experiment.scenarios(dataset)
        privacy = experiment.config.privacy.enabled
        return {
            "manifest": [f"{folder}/manifest.parquet"],
            "boxes": [f"{folder}/boxes.parquet"],
            "images": [
                *self.image_sets(
                    dataset,
                    [Variant(), *experiment.variants(dataset)],
                    self.anonymized_splits(dataset),
                ),
                f"{folder}/audit.csv",
            ],
            "models": [
                *(self.backbone(dataset, *training) for training in experiment.trainings(dataset)),
                *self.adapters(dataset),
                f"{folder}/enough.txt",
            ],
            "embeddings": [
                self.embedding(dataset, run.model, run.seed, variant)
                for run in scenarios
                for variant in (ORIGINAL, run.variant)
            ],
            "scores": [
                f"{folder}/{name}.csv"
                for name in (
                    "scores",
                    "comparisons",
                    "best",
                    "query_kinds",
                    *(["deployments"] if experiment.config.deployments.kinds else []),
                    *(
                        ()
                        if experiment.is_frozen(dataset)
                        else ("effects", "variance", "trainings")
                    ),
                )
            ],
            "privacy": [f"{folder}/privacy/{name}.csv" for name in ATTACK_TABLES if privacy],
            "policy": [
                f"{folder}/policy.csv",
                *(
                    self.page("table", f"policy_{dataset}")
                    if "policy" in experiment.tables_of(dataset)
                    else ()
                ),
            ],
            "tables": self.tables(dataset),
            "figures": self.figures(dataset),
        }

    def reported(self) -> dict[str, list[str]]:
        """Files of all data sets that the report reads, by name."""
        of_each, trained = self.of_each, self.experiment.trained
        mapped = [name for name, data in self.experiment.datasets.items() if data.is_mapped]
        return {
            "scores": of_each("{dataset}/scores.csv"),
            "comparisons": of_each("{dataset}/comparisons.csv"),
            "effects": of_each("{dataset}/effects.csv", trained),
            "methods": of_each("{dataset}/method_comparisons.csv"),
            "best": of_each("{dataset}/best.csv"),
            "variances": of_each("{dataset}/variance.csv", trained),
            "trainings": of_each("{dataset}/trainings.csv", trained),
            "query_kinds": of_each("{dataset}/query_kinds.csv"),
            "deployments": self.of_deployments("{dataset}/deployments.csv"),
            "counts": of_each("{dataset}/counts.csv"),
            "skipped": of_each("{dataset}/skipped.csv"),
            "audits": of_each("{dataset}/audit.csv"),
            "quality": of_each("{dataset}/quality/summary.csv", self.measured()),
            "explorers": self.explorers(),
            "attention": of_each("{dataset}/attention/shares.csv", trained),
            "rates": self.of_privacy("{dataset}/privacy/reidentification.csv"),
            "attacks": self.of_privacy("{dataset}/privacy/attacks.csv"),
            "policies": of_each("{dataset}/policy.csv"),
            "maps": of_each("{dataset}/maps.csv", mapped),
            "correlations": self.correlations(),
        }
