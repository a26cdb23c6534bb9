# The config, checked before any job is planned, and what several rule files need of it.

from snakemake.exceptions import WorkflowError
from snakemake.io import is_flagged

from anonbench import slices
from anonbench.bundle.source import image_counts as bundled_counts
from anonbench.config import load
from anonbench.datasets.scan import scan
from anonbench.datasets.listing import count_images, list_images, root_of
from anonbench.detectors.own import own_files
from anonbench.errors import InputError
from anonbench.estimates import Estimates
from anonbench.experiment import Experiment, truth_of
from anonbench.files import files_in
from anonbench.checksums import digest_file as path_of_digest
from anonbench.presentation.report.page import resources_digest
from anonbench.stored import require_absolute
from anonbench.vocabulary import Split

try:
    settings = load(config)
    experiment = Experiment(settings)
    if settings.bundle:
        image_counts = bundled_counts(settings)
        own = dict.fromkeys(experiment.datasets, {})
    else:
        listings = {
            name: list_images(name, dataset, settings.seed, labels=False)
            for name, dataset in experiment.datasets.items()
        }
        image_counts = {name: count_images(images) for name, images in listings.items()}
        own = {
            name: own_files(name, data) for name, data in experiment.datasets.items()
        }
        if workflow.storage_settings.default_storage_provider:
            require_absolute(
                {
                    "datasets": {
                        name: dict(data) for name, data in experiment.datasets.items()
                    },
                    **settings.model_dump(include={"detection", "recipes"}),
                }
            )
except InputError as error:
    raise WorkflowError(str(error))

estimates = Estimates(experiment, image_counts)
results = settings.results.as_posix()
storage_prefix = (workflow.storage_settings.default_storage_prefix or "").rstrip(
    "/"
) + "/"
logs = f"{results}/logs"
benchmarks = f"{results}/benchmarks"
CONDA = "../../envs/anonbench.yaml"


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
    trend="(map|mndcg)_(original|anonymized)|knn|linear",
