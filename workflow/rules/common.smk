# The config, checked before any job is planned, and what several rule files need of it.

import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.io import is_flagged
from snakemake.io import report as packed

from anonbench.config import stage_parameters
from anonbench.bundle.source import image_counts as bundled_counts
from anonbench.core.jobs.checksums import digest_file as path_of_digest
from anonbench.config import load
from anonbench.config.text import read
from anonbench.datasets.scan import scan
from anonbench.datasets.listing import count_images, read_source, require_apart, root_of
from anonbench.detection.user_annotations import READERS, check_own, own_files
from anonbench.core.errors import InputError
from anonbench.config.resources import Estimates
from anonbench.config.experiment import Experiment, truth_of
from anonbench.core.io import files_in
from anonbench.core.methods import METHODS
from anonbench.datasets.originals import copies_message
from anonbench.workflow.plan.counts import check_counts
from anonbench.workflow.preflight import require_files
from anonbench.reporting.html.page import resources_digest
from anonbench.workflow.s3_metadata import require_absolute, require_in_place
from anonbench.core.vocabulary import Split

try:
    if workflow.is_main_process:
        for _file in workflow.configfiles:
            read(Path(_file))
    settings = load(config)
    experiment = Experiment(settings)
    if settings.bundle:
        image_counts = bundled_counts(settings)
        own = dict.fromkeys(experiment.datasets, {})
    else:
        if workflow.is_main_process:
            require_files(settings)
            require_apart(settings.results, experiment.datasets)
        sources = {
            name: read_source(name, dataset, settings.seed, labels=False)
            for name, dataset in experiment.datasets.items()
        }
        listings = {name: source.images for name, source in sources.items()}
        image_counts = {name: count_images(images) for name, images in listings.items()}
        own = {
            name: own_files(name, data) for name, data in experiment.datasets.items()
        }
        if workflow.is_main_process:
            for name, data in experiment.datasets.items():
                check_own(data, own[name], sources[name])
        if workflow.storage_settings.default_storage_provider:
            require_absolute(
                {
                    "datasets": {
                        name: dict(data) for name, data in experiment.datasets.items()
                    },
                    **settings.model_dump(include={"detection", "recipes"}),
                }
            )
            require_in_place(experiment.datasets)
    if settings.bundle or not workflow.is_main_process:
        too_few = []
    else:
        too_few = check_counts(experiment, image_counts, sys.argv[1:])
except InputError as error:
    raise WorkflowError(str(error))
except OSError as error:
    raise WorkflowError(f"{error.filename} cannot be read: {error.strerror}")

for _text in too_few:
    logger.warning(f"anonbench: {_text}")

estimates = Estimates(experiment, image_counts)
results = settings.results.as_posix()
storage_prefix = (workflow.storage_settings.default_storage_prefix or "").rstrip(
    "/"
) + "/"
logs = f"{results}/logs"
benchmarks = f"{results}/benchmarks"
CONDA = "../../envs/anonbench.yaml"


def report(path, category, **labelled):
    """An output that `snakemake --report` packs, in place of Snakemake's flag of this name.

    Snakemake packs what is there, also pictures of other settings and boxes than those of now.
    """

    def of_now(wildcards):
        waiting = sum(bool(job.rule.script) for job in workflow.dag.needrun_jobs())
        if waiting:
            logger.error(
                f"anonbench: {waiting} jobs have to run before the results are what the config and "
                "the data say; pack them when they have run (anonbench plan says why)"
            )
            sys.exit(1)  # Snakemake shows an exception of a function with a traceback
        return category

    return packed(path, category=of_now, **labelled)


ANONYMIZED = rf"(?:{'|'.join(METHODS)})-\d+"

# All of them before the first rule: a later one takes those of files in a storage away.
wildcard_constraints:
    dataset="|".join(experiment.datasets),
    split="train|val",
    shard=r"\d+",
    variant=rf"original|{ANONYMIZED}",
    anonymized=ANONYMIZED,
    adaption="[ABC]",
    model=rf"unadapted|[ABC]-{ANONYMIZED}",
    seed=r"\d+",
    degree=r"\d+",
    role="celeba|rvl_cdip|dokiq",
    kind="retrieval|agreement|downstream",
    setting="|".join(READERS),
    trend="(map|mndcg)_(original|anonymized)|knn|linear",
