"""Typed model of the config: all defaults, and checks for impossible combinations.

Always load a config with `load`. The schema and the commented default file are written from this
model by `anonbench config` (see `anonbench.config.default_files`), and a test keeps them in sync.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union

from pydantic import Field, ValidationError

from anonbench.config.anonymization import Anonymization, Shapes
from anonbench.config.data import (
    AUTO,
    NONE,
    Dataset,
    DataSource,
    Demo,
    DocumentsDemo,
    IdsDemo,
    Layout,
    Name,
    OwnSplit,
    PaperRole,
    PathPart,
    PortraitsDemo,
)
from anonbench.config.detectors import Detection
from anonbench.config.evaluation import (
    Deployments,
    DetectionQuality,
    Downstream,
    Embedding,
    Presentation,
    Retrieval,
)
from anonbench.config.file import problems, require_plain
from anonbench.config.privacy import Policy, Privacy
from anonbench.config.training import Backbone, Crops, LowRank, Recipe, Redrawing
from anonbench.core.errors import InputError
from anonbench.core.registries.method_names import base_of
from anonbench.core.registries.systems import SYSTEMS, NetworkKind, SystemKind
from anonbench.core.settings import Place, Seed, Settings
from anonbench.core.vocabulary import RESULTS, Adaption
from anonbench.core.wording import suggestion

S = TypeVar("S", bound=Settings)

if TYPE_CHECKING:
    AnySystem = SystemKind
else:
    AnySystem = Annotated[Union[tuple(SYSTEMS.values())], Field(discriminator="kind")]  # noqa: UP007


class Config(Settings):
    """The whole experiment."""

    title: str = "What anonymization costs image retrieval"  # Title of the report.
    results: Place = Path(RESULTS)  # Folder for all results.
    bundle: Place | None = None
    """Metadata file of the bundle that the results come from; `anonbench bundle` writes this
    setting."""
    seed: Seed = 0  # Seed of the demo data, of splits made here and of the random order of regions.
    training_seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)
    """Seeds of the trainings: every model is trained once with each seed, and the first seed gives
    the reference ranking."""
    control_seeds: tuple[Seed, ...] = ()
    """Further seeds of the unadapted model, to measure how much a ranking changes by retraining
    alone."""
    datasets: Annotated[dict[Name, Dataset], Field(min_length=1)]  # The data sets, by name.
    systems: dict[Name, AnySystem] = Field(default_factory=dict)
    """Systems under test, by name: models that are measured without training
    (docs/how-to/systems.md)."""
    detection: Detection = Detection()
    detection_quality: DetectionQuality = DetectionQuality()
    anonymization: Anonymization = Anonymization()
    recipes: dict[str, Recipe] = Field(default_factory=lambda: {"default": Recipe()})
    """Training recipes, by name."""
    redrawing: Redrawing = Redrawing()
    low_rank: LowRank = LowRank()
    embedding: Embedding = Embedding()
    retrieval: Retrieval = Retrieval()
    deployments: Deployments = Deployments()
    downstream: Downstream = Downstream()
    privacy: Privacy = Privacy()
    policy: Policy = Policy()
    presentation: Presentation = Presentation()

    def _contradictions(self) -> Iterator[str]:
        for name, dataset in self.datasets.items():
            yield from self._wrong_names(f"datasets.{name}", dataset)
        for name, dataset in self.enabled.items():
            if dataset.redrawn and self.anonymization.format != "png":
                yield (
                    f"datasets.{name}.redrawn: a JPEG changes when it is written again, also "
                    "outside of its regions; set anonymization.format: png"
                )
            for adaption in dataset.adaptions:
                if why := self.recipe_of(name).lacks_crops(adaption):
                    place = f"recipes.{dataset.recipe}.{why}"
                    yield f"{place}; leave A out of datasets.{name}.adaptions"
        seeds = Counter(self.training_seeds + self.control_seeds)
        if twice := [seed for seed, times in seeds.items() if times > 1]:
            yield f"training_seeds and control_seeds: the seed {twice[0]} is there twice"
        seen: dict[PaperRole, str] = {}
        for name, dataset in self.enabled.items():
            role = dataset.paper_role
            if role and seen.setdefault(role, name) != name:
                yield f"datasets.{name}.paper_role: {seen[role]} already has the tables of {role}"
        if not self.enabled:
            yield "datasets: none is enabled"

    def _wrong_names(self, where: str, dataset: Dataset) -> Iterator[str]:
        """Yield what a data set names that does not exist, or cannot do what it asks for."""
        if dataset.is_trained and dataset.recipe not in self.recipes:
            there = ", ".join(sorted(self.recipes)) + suggestion(dataset.recipe, self.recipes)
            yield f"{where}.recipe: no recipe is called {dataset.recipe!r}; there are {there}"
        for method in map(str, dataset.methods):
            if method not in self.anonymization.names:
                there = ", ".join(self.anonymization.strengths.by_name) or "none"
                yield (
                    f"{where}.methods: no strength is called {method!r}; there are {there}. "
                    f"`anonymization.strengths.{base_of(method)}` makes them"
                )
        if dataset.system is None:
            return
        if dataset.system not in self.systems:
            there = ", ".join(sorted(self.systems)) or "none"
            yield (
                f"{where}.system: no system is called {dataset.system!r}; under `systems` there "
                f"are {there}{suggestion(dataset.system, self.systems)}"
            )
        if Adaption.D not in dataset.adaptions:
            return
        system = self.systems[dataset.system]
        if not isinstance(system, NetworkKind):
            yield (
                f"{where}.adaptions: D learns from the weights of a network, and none are at hand "
                f"of the system {dataset.system!r} (kind: {system.name}); use `mapped`"
            )
        elif system.adapter is not None:
            yield (
                f"{where}.adaptions: D learns low-rank updates of a system that has none yet; "
                f"leave out D, or systems.{dataset.system}.adapter"
            )

    def recipe_of(self, name: str) -> Recipe:
        """Training recipe of a data set's models; the default one if none is named."""
        return self.recipes.get(self.datasets[name].recipe) or Recipe()

    def system_of(self, name: str) -> SystemKind | None:
        """System under test of a data set; None if its models are trained."""
        system = self.datasets[name].system
        return None if system is None else self.systems[system]

    @property
    def enabled(self) -> dict[str, Dataset]:
        """Enabled data sets by name."""
        return {name: dataset for name, dataset in self.datasets.items() if dataset.enabled}


def load(values: Mapping[str, Any]) -> Config:
    """Check the config as YAML gives it and fill in the defaults.

    Raises:
        InputError: values are not plain (see `anonbench.config.file`); else one line for each
            problem, with the path of its field.
    """
    return _checked(Config, values)


class _PolicyFile(Settings):
    policy: Policy


def load_policy(values: Mapping[str, Any]) -> Policy:
    """Check the section `policy` of a config or policy file, and fill in the defaults.

    Raises:
        InputError: there is no such section, or it is wrong; see `load`.
    """
    if "policy" not in values:
        raise InputError("there is no section `policy` (config/policy.yaml has the default one)")
    return _checked(_PolicyFile, {"policy": values["policy"]}).policy


def _checked(kind: type[S], values: Mapping[str, Any]) -> S:
    require_plain(values)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        lines = ["the config is wrong:", *problems(error, values, Config)]
        raise InputError("\n  ".join(lines)) from None
