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
                    *(["deployments"] if experiment.config.deployments.mixed else []),
                    *(["near_duplicates"] if experiment.config.retrieval.near_duplicates else []),
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
        dataset_files, trained = self.dataset_files, self.experiment.trained
        mapped = [name for name, data in self.experiment.datasets.items() if data.is_mapped]
        return {
            "scores": dataset_files("{dataset}/scores.csv"),
            "comparisons": dataset_files("{dataset}/comparisons.csv"),
            "effects": dataset_files("{dataset}/effects.csv", trained),
            "methods": dataset_files("{dataset}/method_comparisons.csv"),
            "best": dataset_files("{dataset}/best.csv"),
            "variances": dataset_files("{dataset}/variance.csv", trained),
            "trainings": dataset_files("{dataset}/trainings.csv", trained),
            "query_kinds": dataset_files("{dataset}/query_kinds.csv"),
            "deployments": self.deployment_files("{dataset}/deployments.csv"),
            "near_duplicates": self.dataset_files(
                "{dataset}/near_duplicates.csv",
                None if self.experiment.config.retrieval.near_duplicates else (),
            ),
            "counts": dataset_files("{dataset}/counts.csv"),
            "skipped": dataset_files("{dataset}/skipped.csv"),
            "audits": dataset_files("{dataset}/audit.csv"),
            "quality": dataset_files("{dataset}/quality/summary.csv", self.measured()),
            "explorers": self.explorers(),
            "attention": dataset_files("{dataset}/attention/shares.csv", trained),
            "rates": self.privacy_files("{dataset}/privacy/reidentification.csv"),
            "attacks": self.privacy_files("{dataset}/privacy/attacks.csv"),
            "policies": dataset_files("{dataset}/policy.csv"),
            "maps": dataset_files("{dataset}/maps.csv", mapped),
            "correlations": self.correlations(),
        }
