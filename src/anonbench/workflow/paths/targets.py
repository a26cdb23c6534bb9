"""Paths of what is collected from models and images, and what figures and explorer show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from anonbench.config.experiment import Experiment
from anonbench.config.outputs import FIGURE_SUFFIXES, TABLE_SUFFIXES, Scenario
from anonbench.core.registries.method_names import is_audited
from anonbench.core.vocabulary import ORIGINAL, UNADAPTED, Model, Variant
from anonbench.reporting.html.page import FILES
from anonbench.reporting.paper.ours import SCENARIO_TABLES
from anonbench.workflow.paths.files import FilePaths


class Paths(FilePaths):
    """Paths of one experiment's results, and its targets."""

    def attacked(self, dataset: str) -> list[tuple[str, str | None]]:
        """Each variant, with the model that learned from such images or None."""
        variants = self.experiment.variants(dataset)
        models = [self.experiment.adapted_model(dataset, variant) for variant in variants]
        return [(str(v), str(m) if m else None) for v, m in zip(variants, models, strict=True)]

    def attacked_images(self, dataset: str) -> list[str]:
        """Validation images that are attacked, and their originals."""
        return self.image_sets(dataset, [Variant(), *self.experiment.variants(dataset)])

    def learned_pictures(self, dataset: str) -> list[str]:
        """Pictures of train images that attackers cannot make themselves but may learn from."""
        return self.image_sets(dataset, self.experiment.unaudited_variants(dataset), ("train",))

    def attacking_backbones(self, dataset: str) -> list[str]:
        """The unadapted model, then each variant's adapted one; of a system the updates of D."""
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
        is_there = "train" in self.anonymized_splits(dataset) and self.shards(dataset, "train")
        files = self.published_vectors(dataset) if learns and is_there else []
        return [f"{file.removesuffix('val.h5')}train.h5" for file in files]

    def named(self, dataset: str, *names: str) -> dict[str, str]:
        """Files of a data set by the names that tables, figures and the report use for them."""
        return {name: f"{self.results}/{dataset}/{FILES[name]}" for name in names}

    def page(self, name: str, stem: str) -> list[str]:
        """Files of a table or figure: its target's name begins with the kind, as `table_V`."""
        if name.startswith("table"):
            return [f"{self.results}/tables/{stem}.{suffix}" for suffix in TABLE_SUFFIXES]
        return [f"{self.results}/figures/{stem}.{suffix}" for suffix in FIGURE_SUFFIXES]

    def tables(self, dataset: str) -> list[str]:
        """A data set's result tables."""
        stems = [table.stem for table in self.experiment.tables_of_scores(dataset)]
        return [path for stem in stems for path in self.page("table", stem)]

    def dataset_tables(self, dataset: str, names: Iterable[str] | None = None) -> list[str]:
        """Registered tables of a data set: those named, or all that are made."""
        made = self.experiment.tables_of(dataset) if names is None else names
        return [path for name in made for path in self.page("table", f"{name}_{dataset}")]

    def figures(self, dataset: str) -> list[str]:
        """A data set's figures."""
        stems = [figure.stem for figure in self.experiment.figures if figure.dataset == dataset]
        return [path for stem in stems for path in self.page("figure", stem)]

    def correlated_degrees(self, dataset: str) -> list[int]:
        """Degrees whose correlations are drawn, or which findings compare between systems."""
        drawn = {f.degree for f in self.experiment.figures_of_scores(dataset) if f.degree}
        searched = [name for name, data in self.experiment.datasets.items() if data.system]
        is_compared = len(searched) > 1 and dataset in searched
        degrees = self.experiment.datasets[dataset].degrees if is_compared else ()
        return sorted({*drawn, *degrees})

    def attended(self, dataset: str, suffix: str) -> list[str]:
        """Attention maps or shares of each model whose attention is drawn."""
        models = self.experiment.attending_models(dataset)
        return [f"{self.results}/{dataset}/attention/{model}.{suffix}" for model in models]

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
        variants, absent = [Variant(), *experiment.variants(dataset)], experiment.absent(dataset)

        def made(*names: str) -> list[str]:
            return [*self.named(dataset, *(each for each in names if each not in absent)).values()]

        return {
            "manifest": [f"{folder}/manifest.parquet"],
            "boxes": [f"{folder}/boxes.parquet"],
            "images": [
                *self.image_sets(dataset, variants, self.anonymized_splits(dataset)),
                f"{folder}/audit.csv",
            ],
            "models": [
                *(self.backbone(dataset, *training) for training in experiment.trainings(dataset)),
                *self.adapters(dataset),
                f"{folder}/enough.txt",
            ],
            "embeddings": [
                self.embedding(dataset, run.model, run.seed, variant)
                for run in experiment.scenarios(dataset)
                for variant in (ORIGINAL, run.variant)
            ],
            "scores": made(
                *("scores", "comparisons", "best", "deployments", "near_duplicates"),
                *("effects", "variance", "trainings"),
            ),
            "privacy": made("rates", "attacks"),
            "policy": [f"{folder}/policy.csv", *self.dataset_tables(dataset, ["policy"])],
            "tables": self.tables(dataset),
            "figures": self.figures(dataset),
        }

    def reported(self, *keys: str) -> list[str]:
        """Files of all data sets that the report reads: of some keys of `FILES`, or of all."""
        found: list[str] = []
        for name in self.experiment.datasets:
            absent = self.experiment.absent(name) | {"given"}  # which is there as a table
            chosen = [each for each in FILES if each in (keys or FILES) and each not in absent]
            found += self.named(name, *chosen).values()
        if keys:
            return found
        drawn = [each for each in self.experiment.figures if each.kind == "correlation"]
        return [
            *found,
            *self.dataset_files("{dataset}/skipped.csv"),
            *(f"{self.results}/{each.dataset}/correlation/{each.degree}.csv" for each in drawn),
        ]


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
