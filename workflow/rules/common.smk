# The config, checked before any job is planned, and what all other rule files use.

import gc
import sys
from pathlib import Path

from anonbench.core.errors import InputError
from anonbench.core.provenance import PACKAGES
from anonbench.core.registries.method_names import REDRAWN
from anonbench.workflow.refusal import refuse

# rules and jobs stay to the end: collections that look at all of them take a seventh of a look
gc.set_threshold(50_000, 20, 20)

try:
    from anonbench.config import stage_parameters
except InputError as error:  # an installed package's class that cannot be loaded
    refuse(error)

from anonbench.config.resources import Estimates
from anonbench.datasets.image_sets.copies import copies_message
from anonbench.datasets.image_sets.doubts import doubts_of_run
from anonbench.detection.user_annotations import READERS
from anonbench.workflow import startup
from anonbench.workflow.paths import Paths
from anonbench.workflow.rule_files import RuleFiles, on_disk, with_digest
from anonbench.workflow.shown import Shown

try:
    started = startup.start(
        config,
        workflow.configfiles,
        is_main=workflow.is_main_process,
        has_storage=bool(workflow.storage_settings.default_storage_provider),
    )
except InputError as error:
    refuse(error)

settings, experiment = started.settings, started.experiment
estimates = Estimates(experiment, started.counts)
paths = Paths(experiment, started.counts, started.user_files)
results, shown = paths.results, Shown(experiment)

files = RuleFiles(workflow)
storage_prefix = files.storage_prefix
plain, by_digest, page = files.plain, files.by_digest, files.page
figure, table = files.figure, files.table

if workflow.is_main_process and not workflow.storage_settings.default_storage_provider:
    _copied = [name for name, d in experiment.datasets.items() if d.copy_originals]
    if _message := copies_message(settings.results, _copied):
        logger.warning(_message)
    # where nothing is left to do no job says it, and --quiet all silences the logger
    for _message in doubts_of_run(settings.results, experiment.datasets):
        print(f"anonbench: the results so far: {_message}", file=sys.stderr)


pathvars:
    results=results,
    logs=f"{results}/logs",
    benchmarks=f"{results}/benchmarks",


HIDDEN_HERE = rf"(?:{'|'.join(settings.anonymization.names)})-\d+"
GIVEN = (
    "|".join(  # pictures of other programs; (?!) matches nothing
        str(variant) for name in experiment.datasets for variant in experiment.given_variants(name)
    )
    or "(?!)"
)
ANONYMIZED = f"(?:(?:{REDRAWN})?{HIDDEN_HERE}|{GIVEN})"


# All of them before the first rule: a later one takes those of files in a storage away.
wildcard_constraints:
    dataset="|".join(experiment.datasets),
    split="train|val",
    shard=r"\d+",
    variant=rf"original|{ANONYMIZED}",
    anonymized=ANONYMIZED,
    adaption="[ABC]",
    model=rf"unadapted|pixels|untrained|[ABC]-{ANONYMIZED}",
    seed=r"\d+",
    degree=r"\d+",
    role="celeba|rvl_cdip|dokiq",
    kind="retrieval|agreement|downstream",
    setting="|".join(READERS),
    trend="(map|mndcg)_(original|anonymized)|knn|linear",
    metric="map|mndcg",


def truth(w):
    """The true boxes; a demo's are made together with its images."""
    rows = paths.annotations(w.dataset, "truth")
    return rows or on_disk(started.demo_marker(w.dataset))


def contents(files):
    """What the user's own files hold, asked where jobs are planned: a job looks itself."""
    planned = workflow.is_main_process and not settings.bundle
    return startup.contents(map(str, files)) if planned else ""


def ranked(scenarios):
    """A reference, and scenarios' models on the original images and on their own: what is ranked."""
    return by_digest(
        reference=lambda w: paths.reference_embedding(w.dataset, w.get("seed")),
        queries=lambda w: paths.embeddings(w.dataset, scenarios(w.dataset), "original"),
        databases=lambda w: paths.embeddings(w.dataset, scenarios(w.dataset)),
    )


def named(scenarios):
    """Scenarios of a job's data set by the names of their files."""
    return lambda w: [run.path for run in scenarios(w.dataset)]


def listed(scenarios):
    """Scenarios of a job's data set by model, seed and variant."""
    return lambda w: [(str(run.model), run.seed, str(run.variant)) for run in scenarios(w.dataset)]


def all_shards(ranking, **wildcards):
    """The scores that a ranking's jobs have written, a file for each shard of its queries."""
    shards = range(settings.retrieval.shards)
    return expand(plain(ranking.output), shard=shards, allow_missing=True, **wildcards)
