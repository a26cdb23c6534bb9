# The config, checked before any job is planned, and what all other rule files use.

import gc
import sys
from pathlib import Path

from anonbench.core.errors import InputError
from anonbench.core.provenance import PACKAGES
from anonbench.workflow.refusal import refuse

# rules and jobs stay to the end: collections that look at all of them take a seventh of a look
gc.set_threshold(50_000, 20, 20)

try:
    from anonbench.config import stage_parameters
except InputError as error:  # an installed package's class that cannot be loaded
    refuse(error)

from anonbench.config.resources import Estimates
from anonbench.workflow import startup
from anonbench.workflow.paths import Paths, wildcards
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
    startup.say_what_stands(settings, logger.warning)


pathvars:
    results=results,
    logs=f"{results}/logs",
    benchmarks=f"{results}/benchmarks",


# All of them before the first rule: a later one takes those of files in a storage away.
wildcard_constraints:
    **wildcards.wildcard_patterns(experiment),


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


def all_shards(ranking, **wildcards):
    """The scores that a ranking's jobs have written, a file for each shard of its queries."""
    shards = range(settings.retrieval.shards)
    return expand(plain(ranking.output), shard=shards, allow_missing=True, **wildcards)
