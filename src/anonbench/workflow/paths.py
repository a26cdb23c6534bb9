"""Paths of the results: which files a stage writes, and which ones a job reads.

Every path is text that begins with the results folder, as in the rules. A rule for many files of
one pattern passes wildcards instead of names: `paths.embedding("{dataset}", ...)`.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from anonbench.config.experiment import Experiment, truth_of
from anonbench.config.outputs import FIGURE_SUFFIXES, TABLE_SUFFIXES, Scenario
from anonbench.core.jobs.checksums import digest_file
from anonbench.core.registries.method_names import REDRAWN, is_audited
from anonbench.core.vocabulary import (
    COMPATIBLE,
    ORIGINAL,
    UNADAPTED,
    Adaption,
    Model,
    Split,
    Variant,
    embedding_model,
)
from anonbench.detection.user_annotations import READERS
from anonbench.reporting.html.page import FILES
from anonbench.reporting.paper.ours import SCENARIO_TABLES

Name = object  # a model, seed or variant, its text, or a wildcard for it


def digests(paths: Collection[str]) -> list[str]:
    """Digest files of big files; an image shard's digest covers its index too."""
    indexes = {f"{path.removesuffix('tar')}parquet" for path in paths if path.endswith(".tar")}
    return [digest_file(path) for path in paths if path not in indexes]


class EmbeddingSet(NamedTuple):
    """Files of one image set's embeddings."""

    inputs: list[str]  # the weights, if a trained model embeds, and the images
    output: str


class Paths:
    """Files that the stages of one experiment write, by data set, and its targets."""

    def __init__(
        self,
        experiment: Experiment,
        counts: Mapping[str, Mapping[Split, int]],
        annotated: Mapping[str, Mapping[str, Sequence[object]]],
    ) -> None:
        """Take the number of images by split, and the settings that name the user's files."""
        self.experiment, self.counts, self.annotated = experiment, counts, annotated
        self.results, self.seed = experiment.config.results.as_posix(), experiment.reference_seed
        self.hidden_here = rf"(?:{'|'.join(experiment.config.anonymization.names)})-\d+"
        """Pattern of the variants that the methods make."""
        given = [str(v) for name in experiment.datasets for v in experiment.given_variants(name)]
        self.given = "|".join(given) or "(?!)"
        """Pattern of the variants that consist of other programs' pictures; (?!) matches none."""

    def wildcards(self) -> dict[str, str]:
        """Pattern of each wildcard in paths by its name."""
        anonymized = f"(?:(?:{REDRAWN})?{self.hidden_here}|{self.given})"
        return {
            "dataset": "|".join(self.experiment.datasets),
            "split": "train|val",
            "shard": r"\d+",
            "variant": rf"original|{anonymized}",
            "anonymized": anonymized,
            "adaption": "[ABCD]",
            "seed": r"\d+",
            "setting": "|".join(READERS),
        }

    def dataset_files(self, pattern: str, names: Iterable[str] | None = None) -> list[str]:
        """Files of a pattern below the results, with `dataset`, for all or some data sets."""
        chosen = self.experiment.datasets if names is None else names
        return [f"{self.results}/{pattern.format(dataset=name)}" for name in chosen]

    def shards(self, dataset: str, split: str) -> list[int]:
        """Shard numbers of a split."""
        return self.experiment.shards(dataset, Split(split), dict(self.counts[dataset]))

    def detected(
        self, dataset: str, kind: str, splits: Sequence[str] = ("train", "val")
    ) -> list[str]:
        """Files that detection writes for each shard: `boxes`, or outcomes of `images`."""
        return [
            f"{self.results}/{dataset}/detect/{split}/{shard}.{kind}.parquet"
            for split in splits
            for shard in self.shards(dataset, split)
        ]

    def shown_outcomes(self, dataset: str) -> list[str]:
        """Outcomes that decide which images may be shown; empty if all may be."""
        shows_all = self.experiment.config.presentation.show_originals
        return [] if shows_all else self.detected(dataset, "images", ["val"])

    def annotations(self, dataset: str, *settings: str) -> list[str]:
        """The user's annotations by image, for those of the settings that name files."""
        given = [setting for setting in settings if setting in self.annotated[dataset]]
        return [f"{self.results}/{dataset}/annotations/{setting}.parquet" for setting in given]

    def measured(self) -> list[str]:
        """Data sets with known true boxes."""
        datasets = self.experiment.datasets.items()
        return [name for name, dataset in datasets if truth_of(dataset) is not None]

    def images(self, dataset: str, variant: Name, split: str) -> list[str]:
        """Shards of an image set with their indexes; originals have indexes only."""
        return [
            f"{self.results}/{dataset}/images/{variant}/{split}/{shard}.{suffix}"
            for shard in self.shards(dataset, split)
            for suffix in (("parquet",) if str(variant) == ORIGINAL else ("tar", "parquet"))
        ]

    def image_sets(
        self, dataset: str, variants: Iterable[Name], splits: Sequence[str] = ("val",)
    ) -> list[str]:
        """Files of several image sets."""
        sets = [(variant, split) for variant in variants for split in splits]
        return [path for each in sets for path in self.images(dataset, *each)]

    def audited_sets(self, dataset: str) -> list[tuple[str, str, int]]:
        """Split, variant and shard count of each image set that is anonymized by this workflow."""
        return [
            (split, str(variant), len(self.shards(dataset, split)))
            for split in self.anonymized_splits(dataset)
            for variant in self.experiment.variants(dataset)
            if is_audited(variant.method)
        ]

    def audited_files(self, dataset: str, suffix: str) -> list[str]:
        """A file (`tar`, `audit.json`) of each shard of `audited_sets`, in their order."""
        return [
            f"{self.results}/{dataset}/images/{variant}/{split}/{shard}.{suffix}"
            for split, variant, shards in self.audited_sets(dataset)
            for shard in range(shards)
        ]

    def anonymized_splits(self, dataset: str) -> Sequence[str]:
        """Splits that are anonymized and embedded (`Experiment.anonymized_splits`)."""
        return self.experiment.anonymized_splits(dataset, bool(self.shards(dataset, "train")))

    def backbone(self, dataset: str, model: Name, seed: Name) -> str:
        """Weights of a training."""
        return f"{self.results}/{dataset}/models/{model}/seed{seed}/backbone.safetensors"

    def backbones(self, dataset: str, models: Iterable[Name]) -> list[str]:
        """Weights of a data set's models, trained with the reference's seed."""
        return [self.backbone(dataset, model, self.seed) for model in models]

    def training_log(self, dataset: str, model: Name, seed: Name) -> str:
        """Losses of a training, step by step."""
        return f"{self.results}/{dataset}/models/{model}/seed{seed}/log.csv"

    def adapter(self, dataset: str, variant: Name, seed: Name) -> str:
        """Low-rank updates of a system's network, in the format of the package peft."""
        folder = f"{self.results}/{dataset}/adapters/seed{seed}/{variant}"
        return f"{folder}/adapter_model.safetensors"

    def adapters(self, dataset: str) -> list[str]:
        """Low-rank updates of a data set's system for each variant."""
        variants = self.experiment.distilled(dataset)
        return [self.adapter(dataset, variant, self.seed) for variant in variants]

    def embedding(
        self, dataset: str, model: Name, seed: Name, variant: Name, split: str = "val"
    ) -> str:
        """Embeddings of an image set by a model (`embedding_model`)."""
        by = embedding_model(str(model), str(variant))
        return f"{self.results}/{dataset}/embeddings/{by}/seed{seed}/{variant}/{split}.h5"

    def embedding_jobs(self, dataset: str) -> dict[tuple[str, int], dict[str, EmbeddingSet]]:
        """Image sets by name that trained weights embed.

        A job is for a seed and the models that learned from a variant, or the unadapted one.
        """
        jobs = defaultdict[tuple[str, int], dict[str, EmbeddingSet]](dict)
        for run in self.experiment.scenarios(dataset):
            model = run.model
            if self.experiment.datasets[dataset].system or not model.is_trained:
                continue
            backbone = self.backbone(dataset, model, run.seed)
            sets = [(str(run.variant), split) for split in self.anonymized_splits(dataset)]
            if model != Model() and model.adaption not in COMPATIBLE:
                sets.append((ORIGINAL, "val"))  # the model's original queries
            learned = UNADAPTED if model == Model() else str(model.variant)
            jobs[learned, run.seed] |= {
                f"{model}_{each}_{split}".replace("-", "_"): EmbeddingSet(
                    [backbone, *self.images(dataset, each, split)],
                    self.embedding(dataset, model, run.seed, each, split),
                )
                for each, split in sets
            }
        return dict(jobs)

    def embedding_sets(self, dataset: str, model: str = UNADAPTED) -> dict[str, EmbeddingSet]:
        """Embeddings of all image sets by a baseline or a system, by name."""
        return {
            f"{variant}_{split}".replace("-", "_"): EmbeddingSet(
                self.images(dataset, variant, split),
                self.embedding(dataset, model, self.seed, variant, split),
            )
            for variant in map(str, [Variant(), *self.experiment.variants(dataset)])
            for split in self.anonymized_splits(dataset)
        }

    def maps(self, dataset: str) -> dict[tuple[str, int], str]:
        """Maps of a data set's vectors by variant and seed."""
        folder, mapped = f"{self.results}/{dataset}/maps", {Adaption.MAPPED}
        return {
            (str(model.variant), seed): f"{folder}/seed{seed}/{model.variant}.safetensors"
            for model in self.experiment.own_vectors(dataset, mapped)
            for seed in self.experiment.training_seeds(dataset)
        }

    def mapped_vectors(
        self, dataset: str
    ) -> tuple[dict[str, list[str]], dict[str, str], dict[str, str]]:
        """Files of the job that learns the maps, by the map's name and their own.

        Returns:
            The vectors from which maps are learned and by which they are judged: those of the
            unadapted model, for originals and a variant in both splits, and those of adaption D,
            if there is one; then the maps; then the mapped vectors of both splits.
        """
        given: dict[str, list[str]] = {}
        maps, mapped = {}, {}
        for (variant, seed), file in self.maps(dataset).items():
            name = f"{variant}_seed{seed}".replace("-", "_")
            for split in self.anonymized_splits(dataset):
                for of, version in (("original", ORIGINAL), ("hidden", variant)):
                    vectors = self.embedding(dataset, UNADAPTED, seed, version, split)
                    given[f"{name}_{of}_{split}"] = [vectors]
            if Adaption.D in self.experiment.datasets[dataset].adaptions:
                vectors = self.embedding(dataset, f"{Adaption.D}-{variant}", seed, variant)
                given[f"{name}_distilled_val"] = [vectors]
            maps[f"{name}_map"] = file
            for split in ("val", "train"):
                model = f"{Adaption.MAPPED}-{variant}"
                mapped[f"{name}_{split}"] = self.embedding(dataset, model, seed, variant, split)
        return given, maps, mapped

    def reference_embedding(self, dataset: str, seed: Name | None = None) -> str:
        """Embeddings behind a reference ranking; by default the one used in the tables."""
        return self.embedding(dataset, UNADAPTED, self.seed if seed is None else seed, ORIGINAL)

    def embeddings(
        self, dataset: str, scenarios: Iterable[Scenario] | None = None, variant: str | None = None
    ) -> list[str]:
        """Embeddings of scenarios (all if None), of one variant or of each scenario's own."""
        chosen = self.experiment.scenarios(dataset) if scenarios is None else scenarios
        return [self.embedding(dataset, s.model, s.seed, variant or s.variant) for s in chosen]

    def deployed(self, dataset: str) -> dict[str, str]:
        """The unadapted model's embeddings that mixed archives are made of, by method."""
        variants = self.experiment.deployed(dataset)
        return {str(v.method): self.embedding(dataset, UNADAPTED, self.seed, v) for v in variants}

    def references(self, dataset: str) -> list[str]:
        """Embeddings of the reference, and of the first second reference if there is one."""
        seeds = [self.seed, *self.experiment.second_references(dataset)[:1]]
        return [self.reference_embedding(dataset, seed) for seed in seeds]

    def scenario_names(self, dataset: str) -> list[str]:
        """Model, seed and variant of each scenario, as in file names."""
        return [scenario.path for scenario in self.experiment.scenarios(dataset)]

    def scenario_files(self, dataset: str, stage: str, suffix: str) -> list[str]:
        """A stage's files of each scenario; `downstream` has none without labels."""
        if stage == "downstream" and not self.experiment.datasets[dataset].is_classified:
            return []
        names = self.scenario_names(dataset)
        return [f"{self.results}/{dataset}/{stage}/{name}.{suffix}" for name in names]

    def attacked(self, dataset: str) -> list[tuple[str, str | None]]:
        """Each variant, with the model that learned from such images or None."""
        adapted = self.experiment.adapted_model
        variants = [(v, adapted(dataset, v)) for v in self.experiment.variants(dataset)]
        return [(str(variant), str(model) if model else None) for variant, model in variants]

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
        variants = [Variant(), *self.experiment.variants(dataset)]
        apart = [(model, model.variant) for model in self.experiment.own_vectors(dataset)]
        models: list[tuple[Name, Variant]] = [*((UNADAPTED, v) for v in variants), *apart]
        return [self.embedding(dataset, model, self.seed, variant) for model, variant in models]

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

    def page(self, name: str, *stems: str) -> list[str]:
        """Files of tables or figures: their target's name begins with the kind, as `table_V`."""
        kind = "tables" if name.startswith("table") else "figures"
        suffixes = TABLE_SUFFIXES if kind == "tables" else FIGURE_SUFFIXES
        return [f"{self.results}/{kind}/{stem}.{suffix}" for stem in stems for suffix in suffixes]

    def tables(self, dataset: str) -> list[str]:
        """A data set's result tables."""
        return self.page("table", *(t.stem for t in self.experiment.tables_of_scores(dataset)))

    def dataset_tables(self, dataset: str, names: Iterable[str] | None = None) -> list[str]:
        """Registered tables of a data set: those named, or all that are made."""
        made = self.experiment.tables_of(dataset) if names is None else names
        return self.page("table", *(f"{name}_{dataset}" for name in made))

    def figures(self, dataset: str) -> list[str]:
        """A data set's figures."""
        drawn = (figure for figure in self.experiment.figures if figure.dataset == dataset)
        return self.page("figure", *(figure.stem for figure in drawn))

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
        roles = {dataset.paper_role: name for name, dataset in self.experiment.datasets.items()}
        stems |= {
            f"table_{number}": f"scenarios_{roles[role]}"
            for number, role in SCENARIO_TABLES.items()
            if role in roles
        }
        return {target: self.page(target, stem) for target, stem in stems.items()} | {
            "table_I": self.page("table_I", "experiment", "sizes")
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
