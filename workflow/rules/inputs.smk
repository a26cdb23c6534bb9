# Which files a rule reads, where a wildcard pattern alone cannot say it.

import functools

from anonbench.core.jobs.fingerprint import code_digest
from anonbench.core.provenance import file_digest

TABLE_SUFFIXES = ("csv", "md", "tex")
FIGURE_SUFFIXES = ("png", "svg")


def shards(dataset, split):
    """Numbers of a split's shards."""
    return experiment.shards(dataset, Split(split), image_counts[dataset])


def image_set(dataset, variant, split):
    """Paths of one image set's shards and their indexes; of originals indexes alone, or copies too."""
    copied = experiment.datasets[dataset].copy_originals
    in_place = str(variant) == "original" and not copied
    return [
        f"{results}/{dataset}/images/{variant}/{split}/{shard}.{suffix}"
        for shard in shards(dataset, split)
        for suffix in (("parquet",) if in_place else ("tar", "parquet"))
    ]


def audits(dataset, variant, split):
    """Paths of what was audited of one image set's shards."""
    return [
        f"{results}/{dataset}/images/{variant}/{split}/{shard}.audit.json"
        for shard in shards(dataset, split)
    ]


def audited_sets(dataset):
    """Split, variant and number of shards of each anonymized image set."""
    return [
        (split, str(variant), len(shards(dataset, split)))
        for split in ("train", "val")
        for variant in experiment.variants(dataset)
    ]


def embedding(dataset, model, seed, variant, split):
    """Path of one embedding."""
    return f"{results}/{dataset}/embeddings/{model}/seed{seed}/{variant}/{split}.h5"


def plain(files):
    """A rule's files by the paths that they have in the results, in whatever storage they lie."""
    if not isinstance(files, str):
        return [plain(file) for file in files]
    stored = is_flagged(files, "storage_object") and files.flags["storage_object"]
    return stored.query.removeprefix(storage_prefix) if stored else files


def digest_file(path):
    """Path of a big file's digest: what its readers depend on. The file is `ancient`."""
    return path_of_digest(plain(path))


def digests(paths):
    """Those of several; a shard's stands for its index too, and originals' index for their copy."""
    copies = {path for path in paths if path.endswith(".tar") and "/original/" in path}
    indexes = {
        path.removesuffix("tar") + "parquet"
        for path in paths
        if path.endswith(".tar") and path not in copies
    }
    return [digest_file(path) for path in paths if path not in indexes | copies]


def reference_embedding(dataset):
    return embedding(dataset, "unadapted", experiment.reference_seed, "original", "val")


def monitor_labels(wildcards):
    """Path of the labels, where the training log shows k-NN accuracy."""
    monitored = "label" in stage_parameters.train(settings, wildcards.dataset)
    return [f"{results}/{wildcards.dataset}/manifest.parquet"] if monitored else []


def pretrained_weights(wildcards):
    """The user's file of weights that a training starts from."""
    path = estimates.recipe(wildcards.dataset).backbone.pretrained
    given = isinstance(path, Path) and not settings.bundle
    return [local(str(path))] if given else []


def demo_marker(wildcards):
    dataset = experiment.datasets[wildcards.dataset]
    return [local(f"{dataset.path}/contents.csv")] if dataset.demo else []


@functools.cache
def scanned(dataset):
    """What the data folder holds, by names, sizes and times; a demo's marker says it itself."""
    source = experiment.datasets[dataset]
    return None if source.demo else scan(root_of(source), listings[dataset]["path"])


def own_inputs(dataset):
    """Templates and weights that the user brings."""
    weights = settings.detection.paths(experiment.datasets[dataset].detectors)
    brought = [own[dataset].get("templates", []), *map(files_in, weights)]
    return [local(str(file)) for files in brought for file in files]


def own_file(wildcards):
    """The user's file of one setting."""
    return [
        local(str(file)) for file in own[wildcards.dataset].get(wildcards.setting, [])
    ]


def matched_rows(dataset, *settings):
    """The rows of the user's files, by image id, where the settings name files."""
    return [
        f"{results}/{dataset}/annotations/{setting}.parquet"
        for setting in settings
        if setting in own[dataset]
    ]


def measured():
    """Data sets whose true boxes are known."""
    return [name for name, d in experiment.datasets.items() if truth_of(d) is not None]


def truth_file(wildcards):
    """The true boxes; a demo's are made together with its images."""
    matched = matched_rows(wildcards.dataset, "truth")
    return matched or demo_marker(wildcards)


def drawn_truth(wildcards):
    """Where a demo's true boxes are; empty for other data."""
    dataset = experiment.datasets[wildcards.dataset]
    return str(truth_of(dataset)) if dataset.demo and dataset.truth is None else ""


def detected(wildcards, kind):
    return [
        f"{results}/{wildcards.dataset}/detect/{split}/{shard}.{kind}.parquet"
        for split in ("train", "val")
        for shard in shards(wildcards.dataset, split)
    ]


def outcomes(dataset):
    """What detection says of the images in pictures; not needed where all may be seen."""
    if settings.presentation.show_originals:
        return []
    return [
        f"{results}/{dataset}/detect/val/{shard}.images.parquet"
        for shard in shards(dataset, "val")
    ]


def scenario_files(dataset, stage, suffix):
    return [
        f"{results}/{dataset}/{stage}/{run.model}/seed{run.seed}/{run.variant}.{suffix}"
        for run in experiment.scenarios(dataset)
    ]


def downstream_files(wildcards):
    labelled = experiment.datasets[wildcards.dataset].label is not None
    return scenario_files(wildcards.dataset, "downstream", "json") if labelled else []


def example_variants(wildcards):
    """Variants that a figure may show: without originals those that hide most."""
    variants = experiment.variants(wildcards.dataset)
    highest = max(variant.degree for variant in variants)
    if settings.presentation.show_originals:
        return ["original", *map(str, variants)]
    return [str(variant) for variant in variants if variant.degree == highest]


def example_sets(wildcards):
    return [
        path
        for variant in example_variants(wildcards)
        for path in image_set(wildcards.dataset, variant, "val")
    ]


def table_files(dataset):
    stems = [table.stem for table in experiment.tables if table.dataset == dataset]
    return expand(
        f"{results}/tables/{{stem}}.{{suffix}}", stem=stems, suffix=TABLE_SUFFIXES
    )


def figure_files(dataset):
    stems = [figure.stem for figure in experiment.figures if figure.dataset == dataset]
    return expand(
        f"{results}/figures/{{stem}}.{{suffix}}", stem=stems, suffix=FIGURE_SUFFIXES
    )


def histories(wildcards):
    return {
        str(model): (
            f"{results}/{wildcards.dataset}/models/{model}/"
            f"seed{experiment.reference_seed}/log.csv"
        )
        for model in experiment.models(wildcards.dataset)
    }


def learning_figures():
    """A figure of every training, seeds included: on request, not in the report."""
    return [
        f"{results}/figures/learning/{dataset}/{model}-seed{seed}.png"
        for dataset in experiment.datasets
        for model, seed in experiment.trainings(dataset)
    ]


def paper_files(target, stem):
    if target.startswith("table_"):
        return expand(f"{results}/tables/{stem}.{{suffix}}", suffix=TABLE_SUFFIXES)
    return expand(f"{results}/figures/{stem}.{{suffix}}", suffix=FIGURE_SUFFIXES)


def stage_files(dataset):
    variants = ["original", *map(str, experiment.variants(dataset))]
    return {
        "manifest": [f"{results}/{dataset}/manifest.parquet"],
        "boxes": [f"{results}/{dataset}/boxes.parquet"],
        "images": [
            path
            for variant in variants
            for split in ("train", "val")
            for path in image_set(dataset, variant, split)
        ]
        + [f"{results}/{dataset}/audit.csv"],
        "models": [
            f"{results}/{dataset}/models/{model}/seed{seed}/backbone.safetensors"
            for model, seed in experiment.trainings(dataset)
        ]
        + [f"{results}/{dataset}/enough.txt"],
        "embeddings": [
            embedding(dataset, run.model, run.seed, variant, "val")
            for run in experiment.scenarios(dataset)
            for variant in ("original", run.variant)
        ],
        "scores": [
            f"{results}/{dataset}/scores.csv",
            f"{results}/{dataset}/comparisons.csv",
        ],
        "privacy": (
            [f"{results}/{dataset}/privacy/reidentification.csv"]
            if settings.privacy.enabled
            else []
        ),
        "tables": table_files(dataset),
        "figures": figure_files(dataset),
    }


def found(wildcards):
    """What detection says of a data set's images."""
    tables = [
        f"{results}/{wildcards.dataset}/{name}.parquet"
        for name in ("manifest", "boxes")
    ]
    return [*tables, *detected(wildcards, "images")]


def scenario_names(dataset):
    return [
        f"{run.model}/seed{run.seed}/{run.variant}"
        for run in experiment.scenarios(dataset)
    ]


def scored_embeddings(dataset, variant=None):
    """Of each scenario's variant, or of one variant by each scenario's model."""
    return [
        embedding(dataset, run.model, run.seed, variant or run.variant, "val")
        for run in experiment.scenarios(dataset)
    ]


@functools.cache
def content_of(path):
    return file_digest(Path(path))


def contents(files):
    """What the user's own files hold: one that is replaced by an older one has no newer time.

    Asked where jobs are planned, as `code_of`; a job looks into its inputs itself.
    """
    if settings.bundle or not workflow.is_main_process:
        return ""
    return [[path, content_of(path)] for path in plain(list(files))]


def code_of(script):
    # asked where jobs are planned; a job itself need not know
    return lambda wildcards: code_digest(script) if workflow.is_main_process else ""
