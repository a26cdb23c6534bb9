"""Paths of the results: which files a stage writes, and which ones a job reads.

Every path is text below the results folder, as rules name it. A rule that makes many files of one
pattern gives wildcards in place of names: `paths.embedding("{dataset}", ...)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from anonbench.config import stage_parameters
from anonbench.config.experiment import (
    ATTACK_TABLES,
    FIGURE_SUFFIXES,
    TABLE_SUFFIXES,
    Experiment,
    Scenario,
    truth_of,
)
from anonbench.core.jobs.checksums import digest_file
from anonbench.core.registries.method_names import is_given
from anonbench.core.registries.tables import TABLES
from anonbench.core.vocabulary import ORIGINAL, UNADAPTED, Model, Split, Variant
from anonbench.reporting.scenario_tables import SCENARIO_TABLES

_SPLITS = ("train", "val")

Name = object
"""A model, seed or variant, or its text, or a wildcard for it."""


def digests(paths: Iterable[str]) -> list[str]:
    """Return the small files that say what big ones hold.

    An image shard's digest covers its index too. Copies of originals have none: their index has the
    digest of each image.
    """
    shards = [path for path in paths if path.endswith(".tar")]
    copies = {path for path in shards if f"/{ORIGINAL}/" in path}
    indexes = {path.removesuffix("tar") + "parquet" for path in shards if path not in copies}
    return [digest_file(path) for path in paths if path not in indexes | copies]


@dataclass(frozen=True)
class Paths:
    """Paths of one experiment's results."""

    experiment: Experiment
    counts: Mapping[str, Mapping[Split, int]]
    """Images of each data set by split."""
    annotated: Mapping[str, Mapping[str, Sequence[object]]]
    """Settings of each data set that name files of the user, such as `boxes` and `truth`."""

    @property
    def results(self) -> str:
        """The folder of results."""
        return self.experiment.config.results.as_posix()

    def of_each(self, pattern: str, names: Iterable[str] | None = None) -> list[str]:
        """Return a pattern's files for some data sets, or for all.

        Args:
            pattern: below the results folder, with the one wildcard `dataset`.
            names: of data sets.

        """
        chosen = self.experiment.datasets if names is None else names
        return [f"{self.results}/{pattern.format(dataset=name)}" for name in chosen]

    # Detection and image sets

    def shards(self, dataset: str, split: str) -> list[int]:
        """Return the numbers of a split's shards."""
        return self.experiment.shards(dataset, Split(split), dict(self.counts[dataset]))

    def detected(self, dataset: str, kind: str, splits: Sequence[str] = _SPLITS) -> list[str]:
        """Return what detection writes for each shard: `boxes`, or outcomes of `images`."""
        return [
            f"{self.results}/{dataset}/detect/{split}/{shard}.{kind}.parquet"
            for split in splits
            for shard in self.shards(dataset, split)
        ]

    def shown_outcomes(self, dataset: str) -> list[str]:
        """Return the outcomes that decide which images may be shown: none where all may be."""
        if self.experiment.config.presentation.show_originals:
            return []
        return self.detected(dataset, "images", ["val"])

    def annotations(self, dataset: str, *settings: str, suffix: str = "parquet") -> list[str]:
        """Return the user's rows by image, for those of the settings that name files."""
        return [
            f"{self.results}/{dataset}/annotations/{setting}.{suffix}"
            for setting in settings
            if setting in self.annotated[dataset]
        ]

    def measured(self) -> list[str]:
        """Return the data sets whose true boxes are known."""
        datasets = self.experiment.datasets.items()
        return [name for name, dataset in datasets if truth_of(dataset) is not None]

    def images(self, dataset: str, variant: Name, split: str) -> list[str]:
        """Return the shards of an image set with their indexes; originals may be indexes only."""
        copied = self.experiment.datasets[dataset].copy_originals
        is_index = str(variant) == ORIGINAL and not copied
        return [
            f"{self.results}/{dataset}/images/{variant}/{split}/{shard}.{suffix}"
            for shard in self.shards(dataset, split)
            for suffix in (("parquet",) if is_index else ("tar", "parquet"))
        ]

    def image_sets(
        self, dataset: str, variants: Iterable[Name], splits: Sequence[str] = ("val",)
    ) -> list[str]:
        """Return the files of several image sets."""
        return [
            path
            for variant in variants
            for split in splits
            for path in self.images(dataset, variant, split)
        ]

    def audited_sets(self, dataset: str) -> list[tuple[str, str, int]]:
        """Return split, variant and number of shards of each image set that is anonymized here."""
        return [
            (split, str(variant), len(self.shards(dataset, split)))
            for split in self.anonymized_splits(dataset)
            for variant in self.experiment.variants(dataset)
            if not is_given(variant.method)
        ]

    def compared_pictures(self, dataset: str) -> dict[str, list[str]]:
        """Return what was compared of each program's pictures, by program."""
        return {
            program: [
                f"{self.results}/{dataset}/images/{variant}/{split}/{shard}.compared.parquet"
                for split in self.anonymized_splits(dataset)
                for shard in self.shards(dataset, split)
            ]
            for program, variant in zip(
                self.experiment.datasets[dataset].given,
                self.experiment.given_variants(dataset),
                strict=True,
            )
        }

    def anonymized_splits(self, dataset: str) -> Sequence[str]:
        """Return the splits that are anonymized and embedded.

        A system that is not trained needs train images for a downstream task alone; attackers that
        learn from them anonymize them by themselves.
        """
        is_trained = not self.experiment.is_frozen(dataset)
        return (
            _SPLITS if is_trained or self.experiment.datasets[dataset].is_classified else ("val",)
        )

    def published(self, dataset: str) -> list[str]:
        """Return the shards of the anonymized image sets, in the order of `audited_sets`."""
        return [
            f"{self.results}/{dataset}/images/{variant}/{split}/{shard}.tar"
            for split, variant, shards in self.audited_sets(dataset)
            for shard in range(shards)
        ]

    def audits(self, dataset: str) -> list[str]:
        """Return the audits of all shards of the anonymized image sets."""
        return [
            f"{self.results}/{dataset}/images/{variant}/{split}/{shard}.audit.json"
            for split, variant, shards in self.audited_sets(dataset)
            for shard in range(shards)
        ]

    # Models, embeddings and scores

    def backbone(self, dataset: str, model: Name, seed: Name) -> str:
        """Return the weights of a training."""
        return f"{self.results}/{dataset}/models/{model}/seed{seed}/backbone.safetensors"

    def backbones(self, dataset: str, models: Iterable[Name]) -> list[str]:
        """Return the weights of models trained with the reference's seed."""
        seed = self.experiment.reference_seed
        return [self.backbone(dataset, model, seed) for model in models]

    def training_log(self, dataset: str, model: Name, seed: Name) -> str:
        """Return the losses of a training, step by step."""
        return f"{self.results}/{dataset}/models/{model}/seed{seed}/log.csv"

    def training_logs(self, dataset: str) -> list[str]:
        """Return the losses of each model, trained with the reference's seed."""
        seed, models = self.experiment.reference_seed, self.experiment.models(dataset)
        return [self.training_log(dataset, model, seed) for model in models]

    def monitor_labels(self, dataset: str) -> list[str]:
        """Return the labels, where a training log shows k-NN accuracy."""
        is_monitored = "label" in stage_parameters.train(self.experiment.config, dataset)
        return self.of_each("{dataset}/manifest.parquet", [dataset]) if is_monitored else []

    def embedding(
        self, dataset: str, model: Name, seed: Name, variant: Name, split: str = "val"
    ) -> str:
        """Return the embeddings of an image set by a model."""
        return f"{self.results}/{dataset}/embeddings/{model}/seed{seed}/{variant}/{split}.h5"

    def embedding_splits(self, model: str, variant: str) -> dict[str, str]:
        """Return the embeddings of both splits for any data set and seed: patterns."""
        splits = ("val", "train")
        return {s: self.embedding("{dataset}", model, "{seed}", variant, s) for s in splits}

    def system_sets(self, dataset: str) -> list[tuple[str, str]]:
        """Return variant and split of the image sets that a system embeds."""
        splits = self.anonymized_splits(dataset)
        variants = map(str, [Variant(), *self.experiment.variants(dataset)])
        return [(variant, split) for variant in variants for split in splits]

    def system_images(self, dataset: str) -> list[str]:
        """Return the images of `system_sets`, one set after the other."""
        sets = self.system_sets(dataset)
        return [path for each in sets for path in self.images(dataset, *each)]

    def system_embeddings(self, dataset: str, model: str = UNADAPTED) -> dict[str, str]:
        """Return the embeddings of `system_sets` by a model, by a name for each."""
        seed = self.experiment.reference_seed
        return {
            f"{variant}_{split}".replace("-", "_"): self.embedding(
                dataset, model, seed, variant, split
            )
            for variant, split in self.system_sets(dataset)
        }

    def reference_embedding(self, dataset: str, seed: Name | None = None) -> str:
        """Return the embeddings that a reference ranking is made of, by default the tables' own."""
        chosen = self.experiment.reference_seed if seed is None else seed
        return self.embedding(dataset, UNADAPTED, chosen, ORIGINAL)

    def embeddings(
        self, dataset: str, scenarios: Iterable[Scenario] | None = None, variant: str | None = None
    ) -> list[str]:
        """Return the embeddings of scenarios.

        Args:
            dataset: the data set.
            scenarios: all if None.
            variant: what the scenarios' models embed; None: each scenario's own variant.

        """
        chosen = self.experiment.scenarios(dataset) if scenarios is None else scenarios
        return [self.embedding(dataset, s.model, s.seed, variant or s.variant) for s in chosen]

    def trained_originals(self, dataset: str) -> list[str]:
        """Return the embeddings of the original images by each training."""
        trainings = self.experiment.trainings(dataset)
        return [self.embedding(dataset, model, seed, ORIGINAL) for model, seed in trainings]

    def deployed(self, dataset: str) -> dict[tuple[str, str], str]:
        """Return the embeddings that deployments are made of, by model and variant."""
        seed = self.experiment.reference_seed
        return {
            (str(model), str(variant)): self.embedding(dataset, model, seed, variant)
            for model, variant in self.experiment.deployed(dataset)
        }

    def references(self, dataset: str) -> list[str]:
        """Return the embeddings of the reference, and of the first second one if there is one."""
        seeds = [self.experiment.reference_seed, *self.experiment.second_references(dataset)[:1]]
        return [self.reference_embedding(dataset, seed) for seed in seeds]

    def labels_of_order(self, dataset: str) -> list[str]:
        """Return the manifest, where a label tells which images are anonymized first."""
        first = self.experiment.datasets[dataset].anonymized_first
        return self.of_each("{dataset}/manifest.parquet", [dataset]) if first else []

    def of_deployments(self, *patterns: str) -> list[str]:
        """Return the files of patterns for all data sets, if deployments are scored at all."""
        chosen = patterns if self.experiment.config.deployments.kinds else ()
        return [path for pattern in chosen for path in self.of_each(pattern)]

    def scenario_names(self, dataset: str) -> list[str]:
        """Return model, seed and variant of each scenario, as its files are named."""
        return [scenario.path for scenario in self.experiment.scenarios(dataset)]

    def trained_scores(self, dataset: str) -> dict[str, str]:
        """Return the scores of each query by scenario, without the retraining control's."""
        names = [scenario.path for scenario in self.experiment.trained_scenarios(dataset)]
        return {name: f"{self.results}/{dataset}/retrieval/{name}.parquet" for name in names}

    def second_scores(self, dataset: str) -> dict[int, str]:
        """Return the scores of each query by the seed of the second reference."""
        folder = f"{self.results}/{dataset}/retrieval/second"
        return {
            seed: f"{folder}/seed{seed}.parquet"
            for seed in self.experiment.second_references(dataset)
        }

    def scenario_files(self, dataset: str, stage: str, suffix: str) -> list[str]:
        """Return a stage's files of each scenario; `downstream` has none without labels."""
        if stage == "downstream" and not self.experiment.datasets[dataset].is_classified:
            return []
        names = self.scenario_names(dataset)
        return [f"{self.results}/{dataset}/{stage}/{name}.{suffix}" for name in names]

    def drift_scores(self, reference: str, batch: str, dataset: str) -> list[str]:
        """Return one's scores by the variants that two data sets have, in the batch's order."""
        seed = self.experiment.reference_seed
        found = {
            s.variant: s.path
            for s in self.experiment.scenarios(dataset)
            if s.model == Model() and s.seed == seed
        }
        variants = self.experiment.drift_variants(reference, batch)
        return [f"{self.results}/{dataset}/retrieval/{found[v]}.parquet" for v in variants]

    # Privacy

    def attacked(self, dataset: str) -> list[tuple[str, str | None]]:
        """Return each variant, and the model that learned from such images if there is one."""
        experiment = self.experiment
        pairs = [(v, experiment.adapted_model(dataset, v)) for v in experiment.variants(dataset)]
        return [(str(variant), None if model is None else str(model)) for variant, model in pairs]

    def attacked_images(self, dataset: str) -> list[str]:
        """Return the validation images that are attacked, and their originals."""
        return self.image_sets(dataset, [Variant(), *self.experiment.variants(dataset)])

    def learned_images(self, dataset: str) -> list[str]:
        """Return the originals of the train images, from which an attacker may learn."""
        return self.image_sets(dataset, [Variant()], ("train",))

    def learned_pictures(self, dataset: str) -> list[str]:
        """Return other programs' pictures of the train images: an attacker may learn from them."""
        return self.image_sets(dataset, self.experiment.given_variants(dataset), ("train",))

    def attacking_backbones(self, dataset: str) -> list[str]:
        """Return the unadapted model, then that of each variant that has one."""
        if self.experiment.is_frozen(dataset):
            return []
        adapted = [model for _, model in self.attacked(dataset) if model]
        return self.backbones(dataset, [Model(), *adapted])

    def published_vectors(self, dataset: str) -> list[str]:
        """Return the unadapted model's vectors of the originals, then of each variant."""
        seed, variants = self.experiment.reference_seed, self.experiment.variants(dataset)
        return [self.embedding(dataset, UNADAPTED, seed, v) for v in (Variant(), *variants)]

    def of_privacy(self, *patterns: str) -> list[str]:
        """Return the files of patterns for all data sets, if attacks are run at all."""
        chosen = patterns if self.experiment.config.privacy.enabled else ()
        return [path for pattern in chosen for path in self.of_each(pattern)]

    def policy_inputs(self, dataset: str) -> dict[str, str]:
        """Return what a policy is judged by, by name."""
        folder = f"{self.results}/{dataset}"
        files = {"audit": f"{folder}/audit.csv"}
        if dataset in self.measured():
            files["quality"] = f"{folder}/quality/summary.csv"
        if self.experiment.config.privacy.enabled:
            files["rates"] = f"{folder}/privacy/reidentification.csv"
            files["attacks"] = f"{folder}/privacy/attacks.csv"
        return files

    # Tables, figures and targets

    def page(self, name: str, stem: str) -> list[str]:
        """Return the files of a table or figure.

        Args:
            name: of the target, which begins with its kind: `table_V`, `figure_7`.
            stem: of the files.

        """
        if name.startswith("table"):
            return [f"{self.results}/tables/{stem}.{suffix}" for suffix in TABLE_SUFFIXES]
        return [f"{self.results}/figures/{stem}.{suffix}" for suffix in FIGURE_SUFFIXES]

    def tables(self, dataset: str) -> list[str]:
        """Return a data set's tables of results."""
        stems = [table.stem for table in self.experiment.tables if table.dataset == dataset]
        return [path for stem in stems for path in self.page("table", stem)]

    def figures(self, dataset: str) -> list[str]:
        """Return a data set's figures."""
        stems = [figure.stem for figure in self.experiment.figures if figure.dataset == dataset]
        return [path for stem in stems for path in self.page("figure", stem)]

    def correlations(self) -> list[str]:
        """Return the coefficients of each correlation that is drawn."""
        figures = [each for each in self.experiment.figures if each.kind == "correlation"]
        return [f"{self.results}/{each.dataset}/correlation/{each.degree}.csv" for each in figures]

    def explorers(self) -> list[str]:
        """Return the retrieval explorers: none where the config asks for no query."""
        shown = self.experiment.config.presentation.explorer_queries > 0
        return self.of_each("{dataset}/explorer.json") if shown else []

    def learning_figures(self) -> list[str]:
        """Return a figure of every training with every seed; the report has none of them."""
        return [
            f"{self.results}/figures/learning/{dataset}/{model}-seed{seed}.png"
            for dataset in self.experiment.datasets
            for model, seed in self.experiment.trainings(dataset)
        ]

    def dataset_tables(self) -> list[str]:
        """Return the registered tables of all data sets."""
        return [
            file
            for table in self.experiment.dataset_tables
            for suffix in TABLE_SUFFIXES
            for file in self.of_each(
                f"tables/{table}_{{dataset}}.{suffix}",
                self.with_table(table),
            )
        ]

    def with_table(self, table: str) -> list[str]:
        """Return the data sets of which a registered table is made."""
        return [n for n in self.experiment.datasets if table in self.experiment.tables_of(n)]

    def table_inputs(self, table: str) -> dict[str, str]:
        """Return what a registered table is made from, by the names that it needs them by."""
        files = {
            "scores": "scores.csv",
            "comparisons": "comparisons.csv",
            "rates": "privacy/reidentification.csv",
            "gallery_sizes": "privacy/gallery_sizes.csv",
            "attacks": "privacy/attacks.csv",
            "variance": "variance.csv",
            "trainings": "trainings.csv",
            "new_persons": "new_persons.csv",
            "deployments": "deployments.csv",
            "given": "given.csv",
            "policy": "policy.csv",
        }
        return {need: f"{self.results}/{{dataset}}/{files[need]}" for need in TABLES[table].needs}

    def page_targets(self) -> dict[str, list[str]]:
        """Return the files of each table and figure: by the paper's number, and by file name."""
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
            "figure_1": self.page("figure_1", "pipeline"),
        }

    def stage_targets(self, dataset: str) -> dict[str, list[str]]:
        """Return the files of each stage of a data set."""
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
                    "new_persons",
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
