"""Paths of what is collected from models and images: attacks, pages and targets."""

from __future__ import annotations

from collections.abc import Iterable

from anonbench.config.outputs import ATTACK_TABLES, FIGURE_SUFFIXES, TABLE_SUFFIXES
from anonbench.core.registries.tables import TABLES
from anonbench.core.vocabulary import ORIGINAL, UNADAPTED, Adaption, Model, Variant
from anonbench.reporting.html.dataset_section import FILES
from anonbench.reporting.paper.scenario_tables import SCENARIO_TABLES
from anonbench.workflow.paths.models import ModelPaths


class Paths(ModelPaths):
    """Paths of one experiment's results, and its targets."""

    def attacked(self, dataset: str) -> list[tuple[str, str | None]]:
        """Each variant, with the model that learned from such images or None."""
        experiment, distilled = self.experiment, self.experiment.distilled(dataset)
        models = {
            v: Model(Adaption.D, v) if v in distilled else experiment.adapted_model(dataset, v)
            for v in experiment.variants(dataset)
        }
        return [(str(v), None if model is None else str(model)) for v, model in models.items()]

    def attacked_images(self, dataset: str) -> list[str]:
        """Validation images that are attacked, and their originals."""
        return self.image_sets(dataset, [Variant(), *self.experiment.variants(dataset)])

    def learned_images(self, dataset: str) -> list[str]:
        """Originals of the train images, from which an attacker may learn."""
        return self.image_sets(dataset, [Variant()], ("train",))

    def learned_pictures(self, dataset: str) -> list[str]:
        """Pictures of train images that attackers cannot make themselves but may learn from."""
        return self.image_sets(dataset, self.experiment.unaudited_variants(dataset), ("train",))

    def restored_images(self, dataset: str) -> list[str]:
        """Originals of train images, if restorers or decoders are learned from them."""
        is_learned = self.experiment.config.privacy.restores() or self.taught_vectors(dataset)
        return self.learned_images(dataset) if is_learned else []

    def restored_pictures(self, dataset: str) -> list[str]:
        """The same pictures, if restorers are learned."""
        return self.learned_pictures(dataset) if self.experiment.config.privacy.restores() else []

    def attacking_backbones(self, dataset: str) -> list[str]:
        """The unadapted model, then the adapted model of each variant that has one.

        Of a system only the updates of adaption D.
        """
        if self.experiment.datasets[dataset].system is not None:
            return self.adapters(dataset)
        adapted = [model for _, model in self.attacked(dataset) if model]
        return self.backbones(dataset, [Model(), *adapted])

    def published_vectors(self, dataset: str) -> list[str]:
        """Vectors of the unadapted model for originals and each variant, then the separate ones."""
        seed, variants = self.experiment.reference_seed, self.experiment.variants(dataset)
        apart = self.experiment.own_vectors(dataset)
        return [
            *(self.embedding(dataset, UNADAPTED, seed, v) for v in (Variant(), *variants)),
            *(self.embedding(dataset, model, seed, model.variant) for model in apart),
        ]

    def taught_vectors(self, dataset: str) -> list[str]:
        """The same vectors of train images, if an attacker may learn from them."""
        apart = self.experiment.own_vectors(dataset)
        learns = "inversion" in self.experiment.config.privacy.attacks or apart
        is_taught = learns and self.embeds_train(dataset) and self.shards(dataset, "train")
        files = self.published_vectors(dataset) if is_taught else []
        return [f"{file.removesuffix('val.h5')}train.h5" for file in files]

    def privacy_files(self, *patterns: str) -> list[str]:
        """Files of patterns for all data sets; empty if no attacks are run."""
        chosen = patterns if self.experiment.config.privacy.enabled else ()
        return [path for pattern in chosen for path in self.dataset_files(pattern)]

    def policy_inputs(self, dataset: str) -> dict[str, str]:
        """Inputs of a policy's judgement, by name."""
        folder = f"{self.results}/{dataset}"
        files = {"audit": f"{folder}/audit.csv"}
        if dataset in self.measured():
            files["quality"] = f"{folder}/quality/summary.csv"
            if "ellipse" in self.experiment.config.anonymization.shape.model_dump().values():
                files["visible_area"] = f"{folder}/quality/visible_area.csv"
        if self.experiment.config.privacy.enabled:
            files["rates"] = f"{folder}/privacy/reidentification.csv"
            files["attacks"] = f"{folder}/privacy/attacks.csv"
        return files

    def page(self, name: str, stem: str) -> list[str]:
        """Files of a table or figure.

        Args:
            name: name of the target, which begins with its kind: `table_V`, `figure_7`.
            stem: stem of the file names.
        """
        if name.startswith("table"):
            return [f"{self.results}/tables/{stem}.{suffix}" for suffix in TABLE_SUFFIXES]
        return [f"{self.results}/figures/{stem}.{suffix}" for suffix in FIGURE_SUFFIXES]

    def tables(self, dataset: str) -> list[str]:
        """A data set's result tables."""
        stems = [table.stem for table in self.experiment.tables_of_scores(dataset)]
        return [path for stem in stems for path in self.page("table", stem)]

    def figures(self, dataset: str) -> list[str]:
        """A data set's figures."""
        stems = [figure.stem for figure in self.experiment.figures if figure.dataset == dataset]
        return [path for stem in stems for path in self.page("figure", stem)]

    def correlations(self) -> list[str]:
        """Coefficients of each correlation that is drawn."""
        figures = [each for each in self.experiment.figures if each.kind == "correlation"]
        return [f"{self.results}/{each.dataset}/correlation/{each.degree}.csv" for each in figures]

    def correlated_degrees(self, dataset: str) -> list[int]:
        """Degrees whose correlations are drawn, or which findings compare between systems."""
        drawn = {f.degree for f in self.experiment.figures_of_scores(dataset) if f.degree}
        searched = [name for name, data in self.experiment.datasets.items() if data.system]
        is_compared = len(searched) > 1 and dataset in searched
        degrees = self.experiment.datasets[dataset].degrees if is_compared else ()
        return sorted({*drawn, *degrees})

    def explorers(self) -> list[str]:
        """Retrieval explorers; empty if the config requests no query."""
        shown = self.experiment.config.presentation.explorer_queries > 0
        return self.dataset_files("{dataset}/explorer.json") if shown else []

    def attended(self, dataset: str, suffix: str) -> list[str]:
        """Attention maps or shares of each model whose attention is drawn."""
        models = self.experiment.attending_models(dataset)
        return [f"{self.results}/{dataset}/attention/{model}.{suffix}" for model in models]

    def dataset_tables(self) -> list[str]:
        """Registered tables of all data sets."""
        return [
            file
            for table in self.experiment.dataset_tables
            for suffix in TABLE_SUFFIXES
            for file in self.dataset_files(
                f"tables/{table}_{{dataset}}.{suffix}",
                self.with_table(table),
            )
        ]

    def with_table(self, table: str) -> list[str]:
        """Data sets for which a registered table is made."""
        return [n for n in self.experiment.datasets if table in self.experiment.tables_of(n)]

    def table_inputs(self, dataset: str, tables: Iterable[str]) -> dict[str, str]:
        """Inputs of registered tables of a data set, by the names that they use."""
        needs = dict.fromkeys(need for table in tables for need in TABLES[table].needs)
        return {need: f"{self.results}/{dataset}/{FILES[need]}" for need in needs}

    def scores_and_comparisons(self, dataset: str) -> dict[str, str]:
        """Inputs of the paper's tables, by name."""
        names = ("scores", "comparisons")
        return {name: f"{self.results}/{dataset}/{FILES[name]}" for name in names}

    def front_inputs(self, dataset: str) -> dict[str, str]:
        """Inputs of the fronts of privacy and utility, by name; empty without attacks."""
        names = ("rates", "scores") if self.experiment.config.privacy.enabled else ()
        return {name: f"{self.results}/{dataset}/{FILES[name]}" for name in names}

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
