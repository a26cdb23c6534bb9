# The config, checked before any job is planned, and what several rule files need of it.

from snakemake.exceptions import WorkflowError

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
from anonbench.made import digest_file
from anonbench.presentation.report.page import resources_digest
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
except InputError as error:
    raise WorkflowError(str(error))

estimates = Estimates(experiment, image_counts)
results = settings.results.as_posix()
logs = f"{results}/logs"
benchmarks = f"{results}/benchmarks"
CONDA = "../../envs/anonbench.yaml"


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
