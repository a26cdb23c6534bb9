"""Config, data and user files, read and checked when the Snakefile is parsed."""

import functools
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd

from anonbench.bundle.contents import image_counts
from anonbench.config import Config, load
from anonbench.config.experiment import Experiment
from anonbench.config.file import read
from anonbench.core.errors import InputError
from anonbench.core.provenance import file_digest, model_files
from anonbench.core.registries.method_names import base_of
from anonbench.core.registries.methods import METHODS
from anonbench.core.vocabulary import Entity, Split
from anonbench.core.wording import harmless
from anonbench.datasets.documents import page_numbers
from anonbench.datasets.given import scan_given
from anonbench.datasets.headers import Limits, look_at_all
from anonbench.datasets.image_sets.doubts import doubts_of_run
from anonbench.datasets.listing import count_found, read_source, require_apart, root_of
from anonbench.datasets.walk import scan
from anonbench.detection.user_annotations import check_user_files, seen_images, user_files_of
from anonbench.reporting.paper.ours import SCENARIO_TABLES, our_data
from anonbench.workflow.preflight import require_absolute, require_files


@dataclass(frozen=True, eq=False)
class Startup:
    """Inputs from which the rules are made."""

    settings: Config
    experiment: Experiment
    counts: Mapping[str, Mapping[Split, int]]
    """Number of listed images of each data set by split, without those known to have no file."""
    listings: Mapping[str, pd.DataFrame] = field(default_factory=dict)  # empty for a bundle
    user_files: Mapping[str, Mapping[str, list[Path]]] = field(default_factory=dict)  # by setting
    megapixels: Mapping[str, float] = field(default_factory=dict)  # mean of the images, if known
    seen: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # see `seen_images`

    def demo_marker(self, name: str) -> list[Path]:
        """Marker file of a demo's data set, which is created with it."""
        dataset = self.experiment.datasets[name]
        return [dataset.path / "contents.csv"] if dataset.demo else []

    def detection_files(self, name: str) -> list[Path]:
        """The user's templates and weights that a data set's detectors read."""
        templates = self.user_files[name].get("templates", [])
        detection, dataset = self.settings.detection, self.experiment.datasets[name]
        return [*templates, *detection.files(dataset.detectors)]

    def attack_files(self, name: str) -> list[Path]:
        """The user's weights of the detectors and attackers that are used in attacks on it."""
        own, privacy = [*map(str, self.experiment.datasets[name].detectors)], self.settings.privacy
        judges = self.attackers() if "inversion" in privacy.attacks else []
        return [*judges, *self.settings.detection.files(privacy.detectors_of_attacks(own))]

    def pretrained(self, name: str) -> list[Path]:
        """The user's weights from which a data set's trainings start."""
        path = self.settings.recipe_of(name).backbone.pretrained
        return model_files(path) if isinstance(path, Path) else []

    def system_files(self, name: str) -> list[Path]:
        """Files that make up a data set's system."""
        system = self.settings.system_of(name)
        return [] if system is None else system.files()

    def attackers(self) -> list[Path]:
        """The user's weights of attackers that are not models of the experiment."""
        return [path for attacker in self.settings.privacy.named() for path in attacker.files()]


def start(
    config: Mapping[str, Any], files: Iterable[str], *, is_main: bool, has_storage: bool
) -> Startup:
    """Read the config and list the data that it names.

    Args:
        config: Snakemake's config.
        files: files that the config comes from.
        is_main: whether this process plans; a job's process repeats no checks.
        has_storage: whether results are in a storage, so that jobs may run on any machine.

    Raises:
        InputError: the config, the data or a file of the user is wrong.
    """
    try:
        if is_main:
            for file in files:
                read(Path(file))
        settings = load(dict(config))
        experiment = Experiment(settings)
        datasets = experiment.datasets
        if settings.bundle:
            none: dict[str, dict[str, list[Path]]] = {name: {} for name in datasets}
            return Startup(settings, experiment, image_counts(settings), user_files=none)
        if is_main:
            require_files(settings)
            require_apart(settings.results, datasets)
        sources = {
            name: read_source(name, dataset, settings.seed, labels=False)
            for name, dataset in datasets.items()
        }
        user_files = {name: user_files_of(name, dataset) for name, dataset in datasets.items()}
        for name, dataset in datasets.items() if is_main else ():
            check_user_files(dataset, user_files[name], sources[name])
        if has_storage:
            brought = settings.model_dump(include={"detection", "recipes", "privacy"})
            require_absolute({"datasets": {n: dict(d) for n, d in datasets.items()}} | brought)
        listings = {name: source.images for name, source in sources.items()}
        counts = {name: count_found(source) for name, source in sources.items()}
        sizes = {name: _megapixels(settings, name, listings[name]) for name in listings if is_main}
        megapixels = {name: size for name, size in sizes.items() if size is not None}
        corrected = {n: each.corrections for n, each in datasets.items() if each.corrections}
        seen = {name: seen_images(file) for name, file in corrected.items()}
        return Startup(settings, experiment, counts, listings, user_files, megapixels, seen)
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read: {error.strerror}") from None


SAMPLED = 8  # images of a data set whose size is looked at, and that are encoded for the plan


def drawn(listed: pd.DataFrame) -> pd.DataFrame:
    """Draw a few images of a data set, at equal distances in its listing."""
    return listed.iloc[np.unique(np.linspace(0, len(listed) - 1, SAMPLED).astype(int))]


def _megapixels(settings: Config, name: str, listed: pd.DataFrame) -> float | None:
    """Mean size of a few images by their headers; None if none is there."""
    dataset, some = settings.datasets[name], drawn(listed)
    limits = Limits(settings.detection.max_pixels, dataset.pdf_dpi)
    paths = list(map(str, some["path"]))
    found = list(look_at_all(root_of(dataset), limits, paths, page_numbers(some)))
    sizes = [each.width * each.height / 1e6 for each in found if not each.reason]
    return fmean(sizes) if sizes else None


def unavailable_targets(startup: Startup) -> dict[str, str]:
    """Targets that this config cannot make, with the reason."""
    reasons = startup.experiment.unavailable_targets()
    roles = {data.role for data in our_data(startup.settings)}
    reasons |= {
        f"table_{number}": f"needs a data set with paper_role: {role}, and none is enabled"
        for number, role in SCENARIO_TABLES.items()
        if role not in roles
    }
    return reasons if roles else reasons | {"compare_paper": "no data set has a paper_role"}


@functools.cache
def scanned(startup: Startup, name: str) -> str | None:
    """Digest of names, sizes and times in a data set's folder; None for a demo with a marker."""
    dataset = startup.experiment.datasets[name]
    return None if dataset.demo else scan(root_of(dataset), startup.listings[name]["path"])


@functools.cache
def scanned_given(startup: Startup, name: str) -> dict[str, str]:
    """Digest of the pictures of each other program that is judged on a data set."""
    return scan_given(startup.experiment.datasets[name].given)


_digest = functools.cache(file_digest)


@functools.cache
def evidence(startup: Startup, name: str) -> dict[str, Any]:
    """State, besides its settings and files, that determines a system's vectors."""
    system = startup.settings.system_of(name)
    return {} if system is None else system.evidence()


def contents(files: Iterable[str]) -> list[list[str]]:
    """Path and digest of files, because replacing a file by an older one gives no newer time."""
    return [[path, _digest(Path(path))] for path in files]


def say_what_stands(settings: Config) -> list[str]:
    """Report weak methods and doubtful results; return the doubts.

    Doubts are printed, because a run's end reports them only if a job ran, and `--quiet all`
    silences the logger. `--unlock` runs no job, and reports nothing.
    """
    if "--unlock" in sys.argv:
        return []
    for sentence in weak_methods(settings):
        print(harmless(f"anonbench: {sentence}"), file=sys.stderr)
    doubts = doubts_of_run(settings.results, settings.datasets)
    for doubt in doubts:
        print(harmless(f"anonbench: the results so far: {doubt}"), file=sys.stderr)
    return doubts


def weak_methods(settings: Config) -> Iterator[str]:
    """Yield a sentence for each method whose strength hides almost nothing.

    Default strengths are strong enough and not checked, which saves importing OpenCV.
    """
    asked = settings.anonymization
    methods = dict.fromkeys(m for data in settings.datasets.values() for m in data.methods)
    for name in () if settings.bundle else [m for m in methods if m in asked.names]:
        if any(asked.method(each) != METHODS[base_of(each)]() for each in asked.applied(name)):
            from anonbench.anonymization.strength import sentence, weak_strengths

            if left := weak_strengths(name, Entity, asked):
                yield sentence(name, left)
