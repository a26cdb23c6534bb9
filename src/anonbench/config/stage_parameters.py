"""Parts of the config that are a job's parameters: if they change, the job runs again.

They are plain data. A rule names settings that need no more than a section's `effective()` or
`model_dump` itself.
"""

from typing import Any

from anonbench.config import AUTO, Anonymization, Config, DataSource, Layout, OwnSplit
from anonbench.core.provenance import file_digest
from anonbench.core.registries.attacks import PRIVACY_ATTACKS
from anonbench.core.registries.detectors import DETECTORS
from anonbench.core.registries.method_names import base_of, in_order
from anonbench.core.registries.methods import METHODS
from anonbench.core.registries.registry import Registry
from anonbench.core.registries.systems import SYSTEMS
from anonbench.core.vocabulary import Entity

Parameters = dict[str, Any]


def source(config: Config, name: str) -> Parameters:
    """Source of the images and their split."""
    chosen = config.datasets[name]
    fields = set(DataSource.model_fields) - {"cluster"}  # read from the manifest, see `clusters`
    fields -= set() if chosen.layout is Layout.CELEBA else {"images"}
    return dict(chosen.model_dump(mode="json", include=fields))


def seed_of_source(config: Config, name: str) -> int | None:
    """Seed of the split or subset, if one is drawn."""
    chosen = config.datasets[name]
    is_drawn = isinstance(chosen.split, OwnSplit) or chosen.subset is not None
    return config.seed if is_drawn else None


def clusters(config: Config, name: str) -> Parameters:
    """Column or folder of the clusters, and the columns tried by default (`likely`)."""
    source = config.datasets[name]
    if source.cluster != AUTO:
        return {"cluster": source.model_dump(mode="json")["cluster"], "likely": []}
    groups = [source.split.by] if isinstance(source.split, OwnSplit) and source.split.by else []
    return {"cluster": AUTO, "likely": [*groups, config.privacy.identity]}


def detection(config: Config, name: str) -> Parameters:
    """Settings of the data set's detectors."""
    detectors = config.datasets[name].detectors
    settings = config.detection.part(detectors) | {"max_pixels": config.detection.max_pixels}
    return {"settings": settings} | _code(DETECTORS, *detectors)


def hidden_shape(config: Config, name: str) -> Parameters:
    """Shape of hidden regions, and the degrees."""
    asked, fields = config.anonymization, {"margin", "shape"}
    shapes: Parameters = asked.model_dump(mode="json", include=fields)
    return shapes | {"degrees": list(config.datasets[name].degrees)}


def hiding(asked: Anonymization, *named: str) -> Parameters:
    """Image format, shape of regions, and settings, files and code of methods."""
    methods = asked.applied(*named)
    files = {
        str(file): file_digest(file) if file.is_file() else None
        for name in methods
        for file in asked.method(name).files()
    }
    found = {"settings": asked.part(*named)} | ({"files": files} if files else {})
    return found | _code(METHODS, *dict.fromkeys(map(base_of, methods)))


def chance(config: Config, name: str) -> Parameters:
    """Settings that determine the losses of an untrained model."""
    recipe = config.recipe_of(name)
    return {"prototypes": recipe.heads.prototypes, "mask_images": recipe.losses.mask_images}


def system(config: Config, name: str) -> Parameters:
    """Settings of the data set's system, without those of the comparison of vectors."""
    chosen = config.system_of(name)
    assert chosen is not None  # only data sets with a system have such a job
    return {"system": chosen.effective()} | _code(SYSTEMS, chosen.name)


def untrained(config: Config, name: str) -> Parameters:
    """Settings of the data set's network before training, and of its input images."""
    fields: dict[str, Any] = dict.fromkeys(("resize", "device", "threads", "backbone"), True)
    fields["crops"] = {"global_size", "normalize"}
    recipe = config.recipe_of(name).model_dump(mode="json", include=fields)
    del recipe["backbone"]["pretrained"]
    return {"recipe": recipe}


def privacy(config: Config) -> Parameters:
    """Attackers, and the regions drawn for them."""
    others = {"enabled", "attacks", "attacked_regions", "restored_from", *PRIVACY_ATTACKS}
    return dict(config.privacy.model_dump(mode="json", exclude=others))


def attack(config: Config, name: str) -> Parameters:
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


def policy(config: Config, name: str) -> Parameters:
    """The policy, the strengths of the data set's methods, and the intervals of rates."""
    asked, methods = config.anonymization, config.datasets[name].methods
    applied = {str(method): asked.applied(str(method)) for method in methods}
    every = in_order(each for names in applied.values() for each in names)
    strengths = [each for each in every if each not in METHODS]
    return {
        "policy": config.policy.model_dump(mode="json"),
        "information_left": {
            method: {str(e): asked.information_left(method, e) for e in Entity}
            for method in applied
        },
        "fakes": {
            method: [str(e) for e in Entity if e in asked.steps(method, e)[-1][1].fakes]
            for method in applied
        },
        "methods": asked.part(*applied)
        | {each: asked.method(each).model_dump(mode="json") for each in strengths},
        "applied": applied,
        "settings": config.presentation.model_dump(
            mode="json", include={"confidence", "widest_interval"}
        ),
    }


def _code(registry: Registry[Any], *names: str) -> Parameters:
    """Identifiers of the code of other packages' classes; empty if all are built in."""
    other = {name: origin for name in sorted(names) if (origin := registry.origin(name))}
    return {"packages": other} if other else {}
