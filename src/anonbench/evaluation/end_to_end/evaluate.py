"""Evaluation of a retrieval system on images: searched, anonymized, encoded, scored."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.anonymization.audit.pixels import LEAST_SIDES
from anonbench.anonymization.checked import check_method
from anonbench.config import Anonymization, Detection, Presentation, Privacy, Retrieval
from anonbench.config.detectors import LOOKED_FOR, default_detection
from anonbench.core.boxes import Region, image_regions, region_fault
from anonbench.core.errors import InputError, listed
from anonbench.core.io import make_private
from anonbench.core.numeric.clusters import joined
from anonbench.core.numeric.similarity import threads
from anonbench.core.provenance import PACKAGES, installed, versions
from anonbench.core.registries.detectors import DETECTORS
from anonbench.core.registries.method_names import published_as
from anonbench.core.registries.methods import WEAK
from anonbench.core.registries.systems import Similarity, System
from anonbench.core.settings import Seed, require_value, section
from anonbench.core.vocabulary import Adaption, Entity, Method, Variant
from anonbench.core.wording import count, suggestion
from anonbench.datasets.annotations.read import read_boxes_file
from anonbench.embedding.given_images import Given, Picture, Pictures, look_at
from anonbench.embedding.given_systems import Encoder, encoding, open_encoder, settled
from anonbench.evaluation.end_to_end.encoded import (
    Encoded,
    Treatment,
    encode_variants,
    score_variants,
)
from anonbench.evaluation.end_to_end.result import Result, advise
from anonbench.evaluation.external import cluster_numbers
from anonbench.evaluation.map_learning import cross_fitted
from anonbench.evaluation.retrieval.scoring.metrics import images_needed

logger = logging.getLogger(__name__)
RATE_COLUMNS = [
    *("degree", "method", "entity", "rate", "low", "high"),
    *("n", "clusters", "gallery", "chance", "ceiling", "reason"),
]
"""Columns of the rates: shares of `n` regions whose own original comes first among `gallery` ones;
the originals are `original`, degree 0, and `ceiling` is their rate's lower end; `reason` says why
it is not known whether the method resists. See `anonbench.evaluation.privacy.rates.decisive`."""


def evaluate(
    encoder: Encoder,
    images: Given,
    methods: Sequence[str] = tuple(Method),
    degrees: Sequence[int] = (100,),
    detectors: Sequence[str] | None = None,
    *,
    boxes: Mapping[str, Sequence[Region]] | Path | str | None = None,
    clusters: pd.Series | Path | str | None = None,
    cache: Path | str | None = None,
    similarity: Similarity = "cosine",
    attack: bool = False,
    mapped: bool = False,
    keep_without_regions: bool = False,
    seed: int = 0,
    detection: Detection | None = None,
    anonymization: Anonymization | None = None,
    retrieval: Retrieval | None = None,
    presentation: Presentation | None = None,
) -> Result:
    """Measure the cost of anonymizing images for an unmodified retrieval system.

    Images are searched, anonymized and encoded in batches; only the vectors stay in memory. Nothing
    is written except to `cache`. The numbers are those of the pipeline with the same settings, and
    do not depend on the number of threads (OMP_NUM_THREADS).

    Args:
        encoder: a function from a list of images (uint8 [H, W, 3] RGB, of any sizes) to floats
            [N, D], a system, or its name, such as `timm:tf_efficientnet_lite0`.
        images: a folder, a list of paths, or arrays (`anonbench.embedding.given_images.Given`).
        methods: how regions are hidden.
        degrees: percent of an image's regions that is hidden.
        detectors: that find the regions. Default, if there are no boxes either: detectors of faces,
            text, barcodes and machine-readable zones.
        boxes: regions of your own, by image id, or in a file (CSV, Parquet or COCO JSON).
        clusters: groups of queries that are not independent, such as photos of one person: a label
            for each image by id, or a file with the columns id and cluster. Files with the same
            bytes are always one group.
        cache: folder that caches detections and vectors by image content and system.
        similarity: how a function's vectors are compared; a system has its own.
        attack: also measure how often the system finds the original of a hidden region.
        mapped: also score vectors that a map, learned from other clusters, has moved to where the
            originals' vectors would be, as methods called `mapped_<method>`.
        keep_without_regions: also score images in which nothing was found.
        seed: of the order in which an image's regions are hidden at degrees below 100.
        detection: section `detection` of the config; None: settings that miss little.
        anonymization: section `anonymization` of the config.
        retrieval: section `retrieval` of the config.
        presentation: section `presentation` of the config: confidence, margin.
    Raises:
        InputError: an argument is wrong, or no image can be used; the message says what to do.

    Example:
        >>> import numpy as np, anonbench
        >>> from anonbench.core.boxes import Region
        >>> photos = list(np.random.default_rng(0).integers(0, 255, (120, 16, 16, 3), np.uint8))
        >>> faces = {f"{number:03d}": [Region("face", 4, 4, 9, 9, 1.0)] for number in range(120)}
        >>> encode = lambda images: np.array([image.astype(float).ravel() for image in images])
        >>> result = anonbench.evaluate(encode, photos, methods=["mask"], boxes=faces)
        >>> result.table.set_index(["query", "metric"])["value"].loc["original", "map"].round(2)
        np.float64(0.85)
    """
    encoder = settled(encoder)
    anonymization = section("anonymization", anonymization, Anonymization())
    detection = section("detection", detection, default_detection())
    retrieval = section("retrieval", retrieval, Retrieval())
    presentation = section("presentation", presentation, Presentation())
    require_value("seed", seed, Seed)
    given: Sequence[str] = ("boxes",) if boxes is not None else LOOKED_FOR
    if detectors:
        given = _named("detector", detectors, list(DETECTORS))
    methods = _named("method", methods, anonymization.names)
    if "template" in given:
        raise InputError(
            "detectors: template needs a folder of templates; only the pipeline has that "
            "(docs/reference/files.md)"
        )
    if boxes is None and "boxes" in given:
        raise InputError("detectors: boxes needs your own regions; name them as `boxes`")
    if boxes is not None and "boxes" not in given:
        given = (*given, "boxes")
    variants = _variants(methods, degrees)
    for name in methods:
        # refuse methods of other packages that hide nothing before anything is encoded
        steps = (step for entity in Entity for _, step in anonymization.steps(name, entity))
        if any(step.name not in LEAST_SIDES for step in steps):
            check_method(name, anonymization)
    pictures = look_at(images, detection.max_pixels)
    contents = {image.id: image.digest for image in pictures.images}
    if len(contents) < (needed := images_needed(retrieval)):
        logger.warning(
            "%s: too few to say what anonymizing costs; it takes %d",
            *(count(len(contents), "image"), needed),
        )
    cluster_numbers(pd.Series(list(contents), dtype="str"), clusters)
    treatment = Treatment(
        *(tuple(given), variants, detection, anonymization, _regions(boxes, pictures)),
        *(keep_without_regions, seed, Path(cache) if cache is not None else None),
    )
    if cache is not None:
        make_private(Path(cache))  # it has vectors of originals
    with open_encoder(encoder, similarity) as system, encoding(system, cache) as encode:
        encoded = encode_variants(pictures, encode, system.similarity, treatment, threads())
        names = pd.Series(encoded.vectors[Variant()].ids, dtype="str")
        same, different = pd.factorize(names.map(contents))
        copies = len(names) - len(different)
        groups = joined(cluster_numbers(names, clusters), same)
        numbers = pd.Series(groups, index=names.to_numpy())
        rates = None
        if attack:
            rates = _attack(pictures.images, encoded, system, treatment, numbers, presentation)
        identity, compared_by = system.identity, system.similarity
    converted = {image.id: image.converted for image in pictures.images}
    vectors, unwise = dict(encoded.vectors), dict[Variant, Mapping[str, str]]()
    for each in variants if mapped else ():
        moved = Variant(published_as(str(each.method), Adaption.MAPPED), each.degree)
        both, judging = (vectors[Variant()], vectors[each]), (retrieval, presentation.confidence)
        found_by = cross_fitted(*both, numbers, clusters is not None, *judging, seed, str(each))
        vectors[moved], unwise[moved] = found_by
    scored = score_variants(vectors, numbers, retrieval, presentation)
    found = sorted(encoded.boxes["entity"].unique())
    weak = {
        name: left
        for name, each in product(methods, found)
        if (left := anonymization.information_left(name, each)) in WEAK
    }
    of_boxes = encoded.boxes.to_csv(index=False, float_format="%.9g").encode()
    made_by = {
        "digests": {
            "images": pictures.digest,
            "boxes": hashlib.sha256(of_boxes).hexdigest(),
            "system": identity or None,
        },
        "similarity": compared_by,
        "clusters": None if clusters is None and not copies else int(numbers.nunique()),
        "copies": copies,
        "failed_audits": encoded.failed_audits,
        "settings": _settings(treatment, scored.settings, presentation) | {"mapped": mapped},
        "versions": versions(*installed(*PACKAGES, "pandas", "pillow")),
    }
    return Result(
        **vars(scored),
        vectors=vectors,
        images=encoded.images.assign(converted=encoded.images["id"].map(converted)),
        left_out=pictures.left_out,
        boxes=encoded.boxes,
        advice=tuple(advise(scored, len(names), presentation, rates, copies, weak, unwise)),
        made_by=made_by,
        rates=rates,
    )


def _attack(
    pictures: Sequence[Picture],
    encoded: Encoded,
    system: System,
    treatment: Treatment,
    clusters: pd.Series,
    presentation: Presentation,
) -> pd.DataFrame:
    """Share of regions whose own original the system finds first, columns `RATE_COLUMNS`."""
    # these need torch, which an encoder need not use
    from anonbench.evaluation.privacy.attackers import system_attacker
    from anonbench.evaluation.privacy.published import GivenImages, HiddenOnRead, Published
    from anonbench.evaluation.privacy.rates import decisive, rates, with_clusters
    from anonbench.evaluation.privacy.reidentification import reidentify

    scored = set(encoded.vectors[Variant()].ids)
    known = {image.id: image for image in pictures if image.id in scored}
    regions: dict[str, list[Region]] = {image_id: [] for image_id in known}
    regions |= image_regions(encoded.boxes)
    originals, how = GivenImages(known), treatment.anonymization
    versions = {
        each: HiddenOnRead(originals, how, regions, str(each.method), each.degree)
        for each in treatment.variants
    }
    searched = {Entity(each) for name in treatment.detectors for each in DETECTORS[name].entities}
    published, by = Published(originals, versions, encoded.boxes), system_attacker(system)
    settings = Privacy(attackers=())
    probes = reidentify(published, {}, searched, by, settings, how, treatment.seed)
    table = rates("", with_clusters(probes, clusters), presentation.confidence)
    found = decisive(table, presentation.widest_interval, presentation.confidence)
    reason = found["unknown"].where(found["unknown"] != "", found["shortfall"])
    found.loc[found["shortfall"] != "", ["low", "high"]] = np.nan  # as in the policy's evidence
    found = found.assign(reason=reason).sort_values(["degree", "method"], kind="stable")
    return found[RATE_COLUMNS].reset_index(drop=True)


def _named(what: str, given: Any, known: Sequence[str]) -> list[str]:
    names = listed(f"{what}s", given, f"there are {', '.join(known)}")
    if not names:
        raise InputError(f"{what}s: none is given; there are {', '.join(known)}")
    for name in names:
        if name not in known:
            raise InputError(
                f"{what}s: no {what} is called {name!r}; there are {', '.join(known)}"
                f"{suggestion(name, known)}"
            )
    return names


def _variants(methods: Sequence[str], degrees: Sequence[int]) -> list[Variant]:
    degrees = listed("degrees", degrees, "give whole numbers, 1 to 100, such as [100]")
    for degree in degrees:
        is_whole = isinstance(degree, int | np.integer) and not isinstance(degree, bool)
        if not is_whole or not 1 <= degree <= 100:
            raise InputError(f"degrees: {degree!r} is no whole percentage of regions, 1 to 100")
    if not degrees:
        raise InputError("degrees: none is given; 100 hides all regions")
    every = product(dict.fromkeys(degrees), dict.fromkeys(methods))
    return [Variant(str(method), int(degree)) for degree, method in every]


def _regions(
    boxes: Mapping[str, Sequence[Region]] | Path | str | None, pictures: Pictures
) -> Mapping[str, Sequence[Region]]:
    if boxes is None:
        return {}
    if isinstance(boxes, str | Path):
        return read_boxes_file(Path(boxes), pictures.listed()).regions()
    if not isinstance(boxes, Mapping):
        raise InputError(
            f"boxes: a {type(boxes).__name__} has no regions by id; give a file, or a dict of "
            "lists of Region by image id"
        )
    known = {image.id: image for image in pictures.images}
    if unknown := sorted(set(boxes) - known.keys()):
        raise InputError(
            f"boxes: {len(unknown)} ids are of no image, such as {unknown[0]!r}; ids are paths "
            "without their suffix, or the numbers of arrays"
        )
    boxes = {image_id: tuple(regions) for image_id, regions in boxes.items()}
    for image_id, regions in boxes.items():
        for number, region in enumerate(regions):
            if fault := region_fault(region, known[image_id].width, known[image_id].height):
                raise InputError(f"boxes: of image {image_id!r}, number {number} {fault}")
    return boxes


def _settings(
    treatment: Treatment, retrieval: Retrieval, presentation: Presentation
) -> dict[str, Any]:
    """Settings that the numbers depend on, as plain data."""
    methods = [str(variant.method) for variant in treatment.variants]
    return {
        "variants": [str(variant) for variant in treatment.variants],
        "detectors": list(map(str, treatment.detectors)),
        "detection": treatment.detection.part(treatment.detectors),
        "anonymization": treatment.anonymization.part(*methods),
        "keep_without_regions": treatment.keep_without_regions,
        "seed": treatment.seed,
        "retrieval": retrieval.effective(),
        "confidence": presentation.confidence,
        "equivalence_margin": presentation.equivalence_margin,
    }
