# The config, checked before any job is planned, and what all other rule files use.

import gc
from functools import cache
from pathlib import Path

from anonbench.core.errors import InputError
from anonbench.core.jobs.checksums import digest_file
from anonbench.core.jobs.fingerprint import code_digest
from anonbench.core.provenance import PACKAGES
from anonbench.workflow.snakefile import refuse

# rules and jobs stay to the end: collections that look at all of them take a seventh of a look
gc.set_threshold(50_000, 20, 20)

try:
    from anonbench.config import stage_parameters
except InputError as error:  # an installed package's class that cannot be loaded
    refuse(error)

from anonbench.core.registries.method_names import program_of, published_as
from anonbench.core.vocabulary import Variant
from anonbench.workflow import startup
from anonbench.workflow.estimates import Estimates
from anonbench.workflow.image_counts import check_counts
from anonbench.workflow.paths import Paths
from anonbench.workflow.results_folder import results_of
from anonbench.workflow.rule_parts import RuleFiles, Shown, growing, on_disk, with_digest

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
datasets = experiment.datasets
estimates = {
    name: Estimates(experiment, name, started.counts[name], started.megapixels.get(name))
    for name in datasets
}
paths = Paths(experiment, started.counts, started.user_files)
results, shown = paths.results, Shown(experiment)
store = results_of(workflow, results)

files = RuleFiles(workflow, results)
plain, by_digest, gpus = files.plain, files.by_digest, files.gpus
updated, last_run = files.updated, files.last_run

doubts_at_start = []
if workflow.is_main_process and not workflow.storage_settings.default_storage_provider:
    doubts_at_start = startup.say_what_stands(settings)


pathvars:
    results=results,
    logs=f"{results}/logs",
    benchmarks=f"{results}/benchmarks",


# All of them before the first rule: a later one takes those of files in a storage away.
wildcard_constraints:
    **paths.wildcards(),


@cache
def known_results(w=None):
    """No files. Where jobs are planned, results are refused if Snakemake has no records of them."""
    if workflow.is_main_process and not workflow.dag_settings.forceall:
        try:
            store.check()
        except InputError as error:
            refuse(error)
    return []


def refuse_too_few(w):
    """No files. Where jobs are planned, too few images are refused, or what they suffice for is said."""
    if workflow.is_main_process:
        say_enough(w.dataset)
    return []


@cache
def say_enough(dataset):
    """Warn of few images once, however many jobs ask."""
    try:
        for text in check_counts(experiment, started.counts, [dataset]):
            logger.warning(f"anonbench: {text}")
    except InputError as error:
        refuse(error)


def refused(target, reason):
    """The input of a target that this config cannot make."""
    return lambda w: refuse(InputError(f"{target} cannot be made with this config: {reason}."))


def code_of(script):
    """Digest of all code that a script uses: its jobs run again when that changes."""
    path = Path(workflow.source_path(f"../scripts/{script}.py"))
    return lambda w: code_digest(path)


def presentation(*fields):
    """Presentation settings that a job reads."""
    return settings.presentation.model_dump(mode="json", include=set(fields))


def contents(files):
    """What the user's own files hold, for the parameter `user_files`.

    It makes Snakemake plan jobs whose files changed. It is no part of a job's fingerprint: these files
    are inputs, and the job compares their digests.
    """
    return startup.contents(map(str, files)) if workflow.is_main_process else ""


def as_text(scenarios):
    """Model, seed and variant of each scenario."""
    return [(str(run.model), run.seed, str(run.variant)) for run in scenarios]


def sought(w):
    """Entities that detection looks for."""
    return list(map(str, experiment.entities(w.dataset)))


def apart(w):
    """Models whose vectors attacks and policy judge separately, by their published names."""
    return [published_as(str(m.variant), m.adaption) for m in experiment.own_vectors(w.dataset)]


def method_of(w):
    """Method of a variant."""
    return str(Variant.parse(w.variant).method)


def hiding_of(w):
    """Settings of a data set's methods."""
    return stage_parameters.hiding(settings.anonymization, *map(str, datasets[w.dataset].methods))


def compared(w):
    """Comparisons of other programs' pictures with the originals, by program."""
    given = zip(datasets[w.dataset].given, experiment.given_variants(w.dataset))
    return {
        program: [
            f"{results}/{w.dataset}/images/{variant}/{split}/{shard}.compared.parquet"
            for split in paths.anonymized_splits(w.dataset)
            for shard in paths.shards(w.dataset, split)
        ]
        for program, variant in given
    }


def judged(w):
    """Files on which a policy's judgement stands, by name."""
    absent = experiment.absent(w.dataset)
    names = [each for each in ("audit", "quality", "rates", "attacks") if each not in absent]
    files = paths.named(w.dataset, *names)
    if "quality" in names and "ellipse" in settings.anonymization.shape.model_dump().values():
        files["visible_area"] = f"{results}/{w.dataset}/quality/visible_area.csv"
    return files
