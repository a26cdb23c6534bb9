# The config, checked before any job is planned, and what all other rule files use.

import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.io import is_flagged
from snakemake.io import report as packed

from anonbench.config import stage_parameters
from anonbench.config.resources import Estimates
from anonbench.core.errors import InputError
from anonbench.core.jobs.checksums import digest_file
from anonbench.datasets.listing import root_of
from anonbench.datasets.originals import copies_message
from anonbench.detection.user_annotations import READERS
from anonbench.workflow import shown, startup
from anonbench.workflow.paths import FIGURE_SUFFIXES, TABLE_SUFFIXES, Paths, digests
from anonbench.workflow.snakemake_adapter import command_line, waiting_jobs

try:
    started = startup.start(
        config,
        workflow.configfiles,
        is_main=workflow.is_main_process,
        has_storage=bool(workflow.storage_settings.default_storage_provider),
    )
    if workflow.is_main_process:
        for _text in startup.check_targets(started, command_line()):
            logger.warning(f"anonbench: {_text}")
except InputError as error:
    raise WorkflowError(str(error))

settings, experiment, listings = started.settings, started.experiment, started.listings
estimates = Estimates(experiment, started.counts)
paths = Paths(experiment, started.counts, started.own)
results = paths.results
storage_prefix = (workflow.storage_settings.default_storage_prefix or "").rstrip(
    "/"
) + "/"


pathvars:
    results=results,
    logs=f"{results}/logs",
    benchmarks=f"{results}/benchmarks",


# All of them before the first rule: a later one takes those of files in a storage away.
wildcard_constraints:
    dataset="|".join(experiment.datasets),
    split="train|val",
    shard=r"\d+",
    variant=r"original|[a-z]+-\d+",
    anonymized=r"[a-z]+-\d+",
    adaption="[ABC]",
    model=r"unadapted|[ABC]-[a-z]+-\d+",
    seed=r"\d+",
    degree=r"\d+",
    role="celeba|rvl_cdip|dokiq",
    kind="retrieval|agreement|downstream",
    setting="|".join(READERS),
    trend="(map|mndcg)_(original|anonymized)|knn|linear",
    metric="map|mndcg",


def plain(files):
    """A rule's files by the paths that they have in the results, in whatever storage they lie."""
    if not isinstance(files, str):
        return [plain(file) for file in files]
    stored = is_flagged(files, "storage_object") and files.flags["storage_object"]
    return stored.query.removeprefix(storage_prefix) if stored else str(files)


def with_digest(**files):
    """Big outputs, each with a small file that says what it holds."""
    return files | {f"{name}_digest": digest_file(path) for name, path in files.items()}


def by_digest(**files):
    """Big inputs: a job runs again when their digests change, whatever their times."""
    pairs = {}
    for name, given in files.items():
        pairs[name] = apply(lambda paths: ancient(plain(paths)), given)
        pairs[f"{name}_digest"] = apply(lambda paths: digests(plain(paths)), given)
    return pairs


def apply(change, given):
    """A rule's input or input function, changed."""
    if isinstance(given, str):
        return change([given])[0]
    return (lambda w: change(given(w))) if callable(given) else change(given)


def on_disk(files):
    """The user's own files: every machine has them, and no storage."""
    return [local(str(file)) for file in files]


def contents(files):
    """What the user's own files hold, asked where jobs are planned: a job looks itself."""
    planned = workflow.is_main_process and not settings.bundle
    return startup.contents(map(str, files)) if planned else ""


def page(path, category, label, caption=None):
    """An output that `snakemake --report` packs: only up to date, which it would not look at."""

    def if_up_to_date(wildcards):
        if waiting := waiting_jobs(workflow):
            logger.error(
                f"anonbench: {waiting} jobs have to run before the results are what the config and "
                "the data say; pack them when they have run (anonbench plan says why)"
            )
            sys.exit(1)  # Snakemake shows an exception of a function with a traceback
        return category

    kind = Path(path).stem.split("_{")[0]
    return packed(
        path,
        category=if_up_to_date,
        caption=f"../report/{caption or kind}.rst",
        subcategory="{dataset}" if "{dataset}" in path else None,
        labels=label,
    )


def figure(stem, label):
    """A figure's outputs."""
    png, svg = (f"<results>/figures/{stem}.{suffix}" for suffix in FIGURE_SUFFIXES)
    return {"png": page(png, "Figures", {"figure": label}), "svg": svg}


def table(stem, label=None, caption=None):
    """A table's outputs; without a label `snakemake --report` leaves it out."""
    csv, markdown, latex = (
        f"<results>/tables/{stem}.{suffix}" for suffix in TABLE_SUFFIXES
    )
    packed_csv = page(csv, "Tables", {"table": label}, caption) if label else csv
    return {"csv": packed_csv, "markdown": markdown, "latex": latex}
