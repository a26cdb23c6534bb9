"""Sections of the config that each stage reads; if they change, the stage runs again.

A slice is plain data (it becomes a rule's parameter). Settings that cannot change a result, such as
the number of loader processes, are left out of it (`Settings.effective`), and added again by the
job (`Settings.completing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from anonbench.config import (
    AUTO,
    Anonymization,
    Config,
    DataSource,
    Layout,
    OwnSplit,
    Shapes,
)
from anonbench.core.model_files import model_files
from anonbench.core.provenance import file_digest
from anonbench.core.registries.attacks import PRIVACY_ATTACKS
from anonbench.core.registries.detectors import DETECTORS
from anonbench.core.registries.method_names import base_of, in_order, program_of
from anonbench.core.registries.methods import METHODS
from anonbench.core.registries.registry import Registry
from anonbench.core.registries.systems import SYSTEMS
from anonbench.core.vocabulary import Entity, Variant

Slice = dict[str, Any]


def manifest(config: Config, name: str) -> Slice:
    """Source of the images, their split, and the limit on their size."""
    source = config.datasets[name]
    fields = set(DataSource.model_fields) - {"cluster"}  # read from the manifest, see `clusters`
    if source.layout is not Layout.CELEBA:
        fields.remove("images")
    drawn = isinstance(source.split, OwnSplit) or source.subset is not None
    return {
        "source": source.model_dump(mode="json", include=fields),
        "seed": config.seed if drawn else None,
        "max_pixels": config.detection.max_pixels,
    }


def clusters(config: Config, name: str) -> Slice:
    """Column or folder of the clusters, and the columns tried by default.

    `likely` lists the config's columns of persons and groups; see
    `anonbench.datasets.clusters.assign`.
    """
    source = config.datasets[name]
    if source.cluster != AUTO:
        return {"cluster": source.model_dump(mode="json")["cluster"], "likely": []}
    groups = [source.split.by] if isinstance(source.split, OwnSplit) and source.split.by else []
    return {"cluster": AUTO, "likely": [*groups, config.privacy.identity]}


def match(config: Config, name: str) -> Slice:
    """Source of the image list for a user's rows."""
    source = manifest(config, name)
    return {"source": source["source"], "seed": source["seed"]}


def detect(config: Config, name: str) -> Slice:
    """The data set's detectors with their settings, and the seed of the draw order."""
    dataset = config.datasets[name]
    return {
        "detectors": [str(detector) for detector in dataset.detectors],
        "settings": config.detection.part(dataset.detectors)
        | {"max_pixels": config.detection.max_pixels},
        "keep_failed": dataset.keep_failed,
        "seed": config.seed,
    } | _code(DETECTORS, *dataset.detectors)


def quality(config: Config, name: str) -> Slice:
    """Settings of the intervals of detection quality, and the hidden shape of regions."""
    fields = {"bootstrap", "confidence"}
    shapes = config.anonymization.model_dump(mode="json", include={"margin", "shape"})
    return {
        "settings": config.presentation.model_dump(mode="json", include=fields),
        "hidden": shapes | {"degrees": list(config.datasets[name].degrees)},
    }


def anonymize(config: Config, name: str, variant: str) -> Slice:
    """Image format, and settings of the variant's method."""
    kept = {"keep_without_regions": config.datasets[name].keep_without_regions}
    return _hiding(config, str(Variant.parse(variant).method)) | kept


def given(config: Config, name: str, variant: str) -> Slice:
    """Program and folder of a variant's pictures, and the format of image sets."""
    program, dataset = program_of(str(Variant.parse(variant).method)), config.datasets[name]
    return _hiding(config) | {
        "program": program,
        "folder": str(dataset.given[program]),
        "keep_without_regions": dataset.keep_without_regions,
        "max_pixels": config.detection.max_pixels,
    }


def hiding(config: Config, name: str) -> Slice:
    """Image format, and settings of the data set's methods."""
    return _hiding(config, *map(str, config.datasets[name].methods))


def _hiding(config: Config, *named: str) -> Slice:
    asked = config.anonymization
    methods = asked.applied(*named)
    fields = asked.sections(*methods) | {"format": True, "margin": True, "coding_blocks": True}
    if asked.shape != Shapes():
        fields["shape"] = True
    settings = asked.model_dump(mode="json", include=fields)
    code = _code(METHODS, *dict.fromkeys(map(base_of, methods)))
    return {"settings": settings} | _content(asked, methods) | code


def _content(asked: Anonymization, methods: Sequence[str]) -> Slice:
    """Digests of the files that methods read; None for a missing file."""
    files = {
        str(path): [file_digest(file) for file in model_files(path)] if path.exists() else None
        for name in methods
        for path in asked.method(name).files()
    }
    return {"files": files} if files else {}


def train(config: Config, name: str) -> Slice:
    """The data set's recipe."""
    return {"recipe": config.recipe_of(name).effective()}


def chance(config: Config, name: str) -> Slice:
    """Settings that determine the losses of an untrained model."""
    recipe = config.recipe_of(name)
    return {"prototypes": recipe.heads.prototypes, "mask_images": recipe.losses.mask_images}


def train_redrawer(config: Config, name: str) -> Slice:
    """Settings of the redrawing network, its training, and the regions' shape."""
    recipe = config.recipe_of(name).model_dump(mode="json", include={"device", "threads"})
    return redraw(config) | {
        "redrawing": config.redrawing.model_dump(mode="json"),
        "recipe": recipe,
        "seed": config.training_seeds[0],
    }


def redraw(config: Config) -> Slice:
    """Settings of the regions' shape: margin and shapes."""
    return _hiding(config)


def embed(config: Config) -> Slice:
    """Settings of the embedding."""
    return {"settings": config.embedding.effective()}


def system(config: Config, name: str) -> Slice:
    """Settings of the data set's system, without those of the comparison of vectors."""
    chosen = config.system_of(name)
    assert chosen is not None  # only data sets with a system have such a job
    return {"system": chosen.effective()} | _code(SYSTEMS, chosen.name)


def distill_system(config: Config, name: str) -> Slice:
    """Settings of the data set's system, and of low-rank updates of its network."""
    return system(config, name) | {"low_rank": config.low_rank.model_dump(mode="json")}


def untrained(config: Config, name: str) -> Slice:
    """Settings of the data set's network before training, and of its input images."""
    recipe = config.recipe_of(name)
    parts = {
        "backbone": recipe.backbone.model_dump(mode="json", exclude={"pretrained"}),
        "crops": recipe.crops.model_dump(mode="json", include={"global_size", "normalize"}),
        **recipe.model_dump(mode="json", include={"resize", "device", "threads"}),
    }
    return {"recipe": parts}


def embed_pixels(config: Config, name: str) -> Slice:
    """Settings for pixels as features, resized as for the data set's network."""
    recipe = config.recipe_of(name)
    return embed(config) | {"recipe": {"resize": recipe.resize}}


def map_vectors(config: Config, name: str) -> Slice:
    """Settings for judging the map's rankings, and the columns of the second reference."""
    return {
        "retrieval": config.retrieval.effective(),
        "confidence": config.presentation.confidence,
        "identity": config.privacy.identity,
        "label": config.datasets[name].label,
        "seed": config.seed,
    }


def retrieve(config: Config) -> Slice:
    """Settings of the comparison with the reference ranking."""
    return {"settings": config.retrieval.effective()}


def retrieve_without_own(config: Config) -> Slice:
    """The same, but queries never retrieve their own image."""
    return {"settings": config.retrieval.without_own_images().effective()}


def near_duplicates(config: Config) -> Slice:
    """The same, and the distances of near-duplicates and the intervals' confidence."""
    distances = {"near_duplicates": list(config.retrieval.near_duplicates)}
    settings = retrieve(config)["settings"] | distances
    return {"settings": settings, "confidence": config.presentation.confidence}


def trainings(config: Config) -> Slice:
    """Settings of the comparison with the reference ranking, and of its mean's interval."""
    return {
        "retrieval": config.retrieval.effective(),
        "confidence": config.presentation.confidence,
    }


def deployments(config: Config, name: str) -> Slice:
    """Settings of mixed archives, and of their comparison with the reference and of tests."""
    return {
        "deployments": config.deployments.model_dump(mode="json"),
        "first": config.datasets[name].anonymized_first,
        "retrieval": config.retrieval.effective(),
        "tests": comparisons(config)["settings"],
    }


def downstream(config: Config, name: str) -> Slice:
    """Settings of the classifiers, and the column that they predict."""
    return {
        "settings": config.downstream.model_dump(mode="json"),
        "label": config.datasets[name].label,
        "seed": config.seed,
    }


def privacy(config: Config) -> Slice:
    """Attackers, and the regions drawn for them."""
    others = {"enabled", "attacks", "attacked_regions", "restored_from", *PRIVACY_ATTACKS}
    return {
        "settings": config.privacy.model_dump(mode="json", exclude=others),
        "seed": config.seed,
    }


def attack(config: Config, name: str) -> Slice:
    """Attacks other than re-identification, their regions and images, and their intervals."""
    dataset, privacy = config.datasets[name], config.privacy
    own = [str(detector) for detector in dataset.detectors]
    used = privacy.detectors_of_attacks(own)
    drawn = {"attacked_regions", "restored_from", "probes", "gallery", "identity"}
    judges = {"recognizer"} if "inversion" in privacy.attacks else set()
    fields = {"attacks", *drawn, *judges, *privacy.attacks}
    return {
        "settings": privacy.model_dump(mode="json", include=fields),
        "detection": config.detection.part(used),
        "detectors": own,
        "detecting": _code(DETECTORS, *used),
        "label": dataset.label,
        "attributes": list(dataset.attributes),
        "confidence": config.presentation.confidence,
        "seed": config.seed,
    }


def policy(config: Config, name: str) -> Slice:
    """The policy, the strengths of the data set's methods, and the intervals of rates."""
    fields = {"confidence", "widest_interval"}
    applied = {
        str(method): config.anonymization.applied(str(method))
        for method in config.datasets[name].methods
    }
    every = in_order(each for names in applied.values() for each in names)
    strengths = [each for each in every if each not in METHODS]
    return {
        "policy": config.policy.model_dump(mode="json"),
        "information_left": {
            str(method): {
                str(e): config.anonymization.information_left(str(method), e) for e in Entity
            }
            for method in config.datasets[name].methods
        },
        "methods": hiding(config, name)["settings"]
        | {each: config.anonymization.method(each).model_dump(mode="json") for each in strengths},
        "applied": applied,
        "settings": config.presentation.model_dump(mode="json", include=fields),
    }


def scores(config: Config) -> Slice:
    """Settings of the intervals of means and rates."""
    return {"settings": config.presentation.model_dump(mode="json", include={"confidence"})}


def comparisons(config: Config) -> Slice:
    """Settings of tests of differences, and the margin of relevant differences."""
    fields = {"confidence", "equivalence_margin"}
    return {"settings": config.presentation.model_dump(mode="json", include=fields)}


def effects(config: Config) -> Slice:
    """Settings of tests, of sample sizes, and of the best choice and its optimism."""
    fields = {"bootstrap", "confidence", "equivalence_margin", "stated_difference"}
    return {"settings": config.presentation.model_dump(mode="json", include=fields)}


def show(config: Config, *fields: str) -> Slice:
    """Presentation settings that a figure reads."""
    return {"settings": config.presentation.model_dump(mode="json", include=set(fields))}


def _code(registry: Registry[Any], *names: str) -> Slice:
    """Identifiers of the code of other packages' classes; empty if all are built in."""
    origins = {name: registry.origin(name) for name in sorted(names)}
    other = {name: origin for name, origin in origins.items() if origin}
    return {"packages": other} if other else {}
