"""Parts of rules: big files with digests, resources, and what is shown."""

import os
from collections.abc import Callable, Iterable
from glob import escape, iglob
from pathlib import Path
from typing import Any
from uuid import uuid4

from snakemake.io import ancient, is_flagged, local
from snakemake.ioflags import update

from anonbench.config.experiment import Experiment
from anonbench.config.outputs import Scenario
from anonbench.core.errors import InputError
from anonbench.core.jobs.checksums import FOLDER, MADE, digest_file, record_of
from anonbench.core.registries.method_names import is_audited
from anonbench.core.vocabulary import ORIGINAL, Model, Variant
from anonbench.workflow.paths import digests
from anonbench.workflow.snakefile import refuse

_RUN = "ANONBENCH_RUN"
Files = str | Iterable[str]
Given = Files | Callable[[Any], Files]
"""Possible input of a rule: a path, several paths, or a function of the wildcards."""
Asked = int | Callable[[Any], int]
"""Amount of a resource: a number, or a function of a job's wildcards."""


def on_disk(files: Iterable[Path]) -> list[str]:
    """The user's own files for a rule: read from disk on every machine, not from a storage."""
    return [local(str(file)) for file in files]


def with_digest(**files: str) -> dict[str, str]:
    """Big outputs by name, each with its digest file."""
    return files | {f"{name}_digest": digest_file(path) for name, path in files.items()}


def growing(asked: Asked) -> Callable[..., int]:
    """Memory in megabytes or time in minutes: once, twice, … the amount with each attempt."""
    return lambda wildcards, attempt: _amount(asked, wildcards) * attempt


def _amount(asked: Asked, wildcards: Any) -> int:
    return asked(wildcards) if callable(asked) else asked


class RuleFiles:
    """Conversion of paths to rule inputs and outputs, in one run of Snakemake."""

    def __init__(self, workflow: Any, results: str) -> None:
        self._workflow, self._results = workflow, results
        self._made = ""
        # read before any job starts, which removes its own
        pattern = f"{escape(results)}/**/{FOLDER}/*{MADE}"
        made = iglob(pattern, recursive=True, include_hidden=True)  # noqa: PTH207  follows links
        self._runs = {path: Path(path).read_text("utf-8") for path in made}
        self._new = os.environ.setdefault(_RUN, uuid4().hex)  # the same in processes of this run
        storage = workflow.storage_settings
        self._is_local = not storage.default_storage_provider or storage.keep_storage_local
        prefix = storage.default_storage_prefix or ""
        self.storage_prefix = prefix.rstrip("/") + "/"

    def updated(self, **files: Files) -> dict[str, Any]:
        """Outputs that stay when their job starts, whose script calls `JobCache.is_done`.

        With them comes one without the flag, for `last_run`. Outputs in a storage alone do not
        stay: Snakemake would look for them on this machine and fail.
        """
        self._made = ""
        if not self._is_local:
            return files
        first = next(iter(files.values()))
        made = record_of(Path(first if isinstance(first, str) else next(iter(first))), MADE)
        self._made = str(made)
        return {name: update(path) for name, path in files.items()} | {"made": self._made}

    def last_run(self) -> Callable[[Any], str]:
        """Parameter of a rule with `updated` outputs: the name of the run that made them well.

        If a job fails, Snakemake restores these outputs and records them as made of the new inputs
        and parameters. The output without the flag is missing then, and the name is a new one, so
        that the job runs again.
        """
        pattern = self._made.replace("<results>", self._results)

        def name(wildcards: Any) -> str:
            return self._runs.get(pattern.format(**dict(wildcards.items())), self._new)

        return name if pattern else lambda wildcards: ""

    def plain(self, files: Files) -> Any:
        """A rule's files by their paths in the results, as new objects that may be flagged."""
        if not isinstance(files, str):
            return [self.plain(file) for file in files]
        stored = is_flagged(files, "storage_object") and files.flags["storage_object"]  # type: ignore[attr-defined]
        return stored.query.removeprefix(self.storage_prefix) if stored else str(files)

    def gpus(self, asked: Asked) -> Callable[..., int]:
        """GPUs of a job, refused where the run may use fewer: Snakemake would lower the number."""
        limit = self._workflow.global_resources.get("gpu").value
        limit = limit if self._workflow.is_main_process else None

        def checked(wildcards: Any, rulename: str) -> int:
            wanted = _amount(asked, wildcards)
            if limit is not None and wanted > limit:
                said = f"{rulename} {' '.join(wildcards)} wants {wanted} GPUs, and gpu={limit} "
                said += "(--resources or the profile) is all there may be: lower gpus of the "
                refuse(InputError(f"{said}recipe, or raise gpu="))
            return wanted

        return checked

    def by_digest(self, **files: Given) -> dict[str, Any]:
        """Big inputs by name, each with its digest files.

        The files are `ancient`: a job runs again when their digests change, not their times.
        """
        pairs: dict[str, Any] = {}
        for name, given in files.items():
            pairs[name] = self._each(ancient, given)
            pairs[f"{name}_digest"] = self._each(digests, given)
        return pairs

    def _each(self, change: Callable[[list[str]], list[str]], given: Given) -> Any:
        if isinstance(given, str):
            return change([self.plain(given)])[0]
        if callable(given):
            return lambda wildcards: self._each(change, given(wildcards))
        return change(self.plain(given))


class Shown:
    """Variants and scenarios of one experiment that are shown, by data set."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        # pictures of other programs and of a redrawing network are not checked: as originals
        self._shows_all = experiment.config.presentation.show_originals
        self._originals = [ORIGINAL] if self._shows_all else []

    def examples(self, dataset: str) -> list[str]:
        """Variants for example images; without originals only the highest degree."""
        variants = self.experiment.variants(dataset)
        highest = max(variant.degree for variant in variants)
        if self._shows_all:
            return [ORIGINAL, *map(str, variants)]
        return [str(v) for v in variants if v.degree == highest and is_audited(v.method)]

    def attention(self, dataset: str) -> list[str]:
        """Variants beside which attention is drawn."""
        return [*self._originals, str(self.experiment.shown_variant(dataset))]

    def attended(self, dataset: str) -> list[str]:
        """Variants on which attention is computed."""
        return [ORIGINAL, str(self.experiment.shown_variant(dataset))]

    def explored(self, dataset: str) -> list[Scenario]:
        """The explorer's scenarios: anonymized images with the reference's seed, and a control.

        The control is the first unadapted model of another seed, on every variant.
        """
        every = self.experiment.scenarios(dataset)
        scenarios = [run for run in every if self._shows_all or is_audited(run.variant.method)]
        reference, *others = self.experiment.seeds(dataset, Model())
        compared = [s for s in scenarios if s.seed == reference and s.variant != Variant()]
        return compared + [s for s in scenarios if s.model == Model() and s.seed in others[:1]]

    def explored_names(self, dataset: str) -> list[tuple[str, str]]:
        """Model (its adaption, or `control`) and variant of the explorer's scenarios."""
        return [
            (
                "control" if s.seed != self.experiment.reference_seed else str(s.model.adaption),
                str(s.variant),
            )
            for s in self.explored(dataset)
        ]

    def explored_pictures(self, dataset: str) -> dict[str, str]:
        """Variant that the explorer draws for each method: the highest degree."""
        data = self.experiment.datasets[dataset]
        pictures = {str(method): f"{method}-{max(data.degrees)}" for method in data.methods}
        others = self.experiment.unaudited_variants(dataset) if self._shows_all else []
        pictures |= {str(variant.method): str(variant) for variant in others}
        return pictures | {name: name for name in self._originals}
