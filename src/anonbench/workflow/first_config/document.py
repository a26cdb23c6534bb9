"""Text of a first config: each setting with its reason and the findings behind it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tqdm import tqdm

from anonbench.config import Layout, Privacy
from anonbench.config.detectors import COVERING
from anonbench.core.numeric.statistics import fewest_trials
from anonbench.core.registries.detectors import DETECTORS
from anonbench.core.vocabulary import Method
from anonbench.core.wording import count, duration
from anonbench.evaluation.privacy.attacks.kinds.residual import Residual
from anonbench.evaluation.privacy.kinds import Supervised
from anonbench.workflow.first_config.estimate import (
    ATTACKED,
    CONFIDENCE,
    FEWEST,
    GALLERY,
    HALF,
    PROBES,
    SEARCHED,
    Estimate,
    estimate,
    limits_of,
    searched_share,
    within,
)
from anonbench.workflow.first_config.sample import Sample
from anonbench.workflow.first_config.survey import Survey

_WIDTH = 100
_THIS = "THIS_FILE"
_FEW_CLUSTERS = 20
"""With fewer clusters the report states nothing about re-identification."""
_CHANCE = 0.05
"""Probability that a property of this share of all images is absent from the sample."""
_K = 5
"""Fewest relevant images per query for statements about rankings."""


@dataclass(frozen=True)
class Choice:
    """The user's choices, or the defaults."""

    system: Mapping[str, Any]
    """Settings of the system, as in the config."""
    is_default: bool
    """Whether the system is the small one shipped with the packages."""
    label: str | None
    persons: bool
    """Whether each class folder is a person."""
    minutes: float
    cores: int
    gpus: int
    results: Path
    file: Path
    """Path of the config to write."""


def compose(seen: Survey, sample: Sample, choice: Choice) -> tuple[str, Estimate]:
    """Compose the config's text and estimate the cost of its experiment."""
    detectors = sample.finding or ["centerface", "ppocr"]
    methods = _methods_for(detectors)
    args = (sample, detectors, seen.images, len(methods), choice.cores)
    is_classified = choice.label is not None
    cost = within(*args, 60.0 * choice.minutes, is_classified)
    whole = estimate(*args, is_classified)
    lines = [
        *_head(seen, sample, choice, cost),
        _entry("title", "What anonymization costs the retrieval of our archive"),
        _entry("results", str(choice.results)),
        "",
        *_system(sample, choice),
        "",
        "datasets:",
        "  archive:",
        *(_entry(key, value, 4) for key, value in seen.source().items()),
        *_images(seen, choice, cost, whole),
        *_detectors(sample, detectors, choice),
        "    system: tested",
        "    adaptions: [mapped] # what a map of its vectors would regain; nothing is trained",
        *_methods(methods),
        *_clusters(seen, choice),
        *_coverage(detectors),
        *_ranking(cost, choice),
        *_attack(seen, sample, detectors, choice, cost),
        *_next(seen, choice),
    ]
    return "\n".join(lines) + "\n", cost


def _entry(key: str, value: Any, depth: int = 0) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    inline = text.removesuffix("...\n").strip()
    return f"{' ' * depth}{key}: {inline}"


def _note(text: str, depth: int = 0) -> list[str]:
    indent = " " * depth
    return [f"{indent}# {line}" for line in textwrap.wrap(text, _WIDTH - depth - 2)]


def _with_name(note: Iterable[str], choice: Choice) -> Iterator[str]:
    """Fill in the config's own file name, keeping it on one line."""
    return (line.replace(_THIS, str(choice.file)) for line in note)


def _head(seen: Survey, sample: Sample, choice: Choice, cost: Estimate) -> Iterator[str]:
    formats = ", ".join(f"{n:,} {suffix}" for suffix, n in seen.formats.items())
    yield from _note("A first experiment, written by `anonbench init`. Change what you like.")
    yield from _note(
        f"Seen: {count(seen.images, 'image')} ({formats}), {seen.megabytes:,.1f} MB; "
        f"{_sizes(sample)}."
    )
    for reason, number in seen.left.items():
        yield from _note(f"Not used: {number:,}: {reason}.")
    for reason, number in sample.unreadable.items():
        yield from _note(f"Of {_looked_at(sample)} looked at, {number:,} cannot be read: {reason}.")
    least, most = cost.span
    note = _note(
        f"Expected: {duration(least)} to {duration(most)} on {count(choice.cores, 'core')}, "
        f"{tqdm.format_sizeof(cost.bytes, 'B')} on disk for {count(cost.images, 'image')}, by the "
        f"times of {_looked_at(sample)} images. Plan: anonbench plan --configfile {_THIS}"
    )
    yield from _with_name(note, choice)


def _looked_at(sample: Sample) -> int:
    return sample.read + sample.unreadable.total()


def _sizes(sample: Sample) -> str:
    if not sample.megapixels:
        return "none of those looked at can be read"
    low, high = min(sample.megapixels), max(sample.megapixels)
    return f"{low:.2g} to {high:.2g} megapixels in a sample of {sample.read}"


def _system(sample: Sample, choice: Choice) -> Iterator[str]:
    yield from _note("What searches the images. It is measured as it is: nothing is trained.")
    if choice.is_default:
        yield from _note(
            "This one comes with the packages: small, trained on ImageNet, and it knows nothing of "
            "faces or documents. Its numbers show how an answer looks. What counts is your own "
            "system; name it here, as one of"
        )
        yield from (
            "#   { kind: timm, name: vit_small_patch14_dinov2, weights: models/ours.safetensors }",
            "#   { kind: onnx, file: models/ours.onnx }",
            "#   { kind: function, function: 'our_search:encode' } # images in, vectors out",
            "#   and others: docs/how-to/systems.md",
        )
    if sample.encode_seconds:
        rate = 1 / sample.encode_seconds
        yield from _note(f"Seen: {sample.dimension} dimensions, {rate:.2g} images a second a core.")
    yield "systems:"
    yield _entry("tested", dict(choice.system), 2)


def _images(seen: Survey, choice: Choice, cost: Estimate, whole: Estimate) -> Iterator[str]:
    if seen.split is not None:
        train, val = seen.split
        yield from _note(
            f"The folder has a split: {train:,} train and {val:,} validation images. No system is "
            "trained, so it is not used here; `official` would use it.",
            4,
        )
    share = searched_share(cost.images, choice.label is not None)
    if share == HALF:
        text = (
            "Half of the images are searched. The other half is what an attacker learns from (with "
            "labels, accuracies too): without one, how private the result is stays unknown."
        )
    elif share < 1.0:
        text = (
            "Enough of these few images are searched to judge rankings. An attacker learns from "
            "the others (with labels, k-NN and the linear probe do too). From "
            f"{2 * SEARCHED} images on, half is better."
        )
    else:
        text = (
            "All of these few images are searched, so that none is left for an attacker to learn "
            f"from: how private the result is stays unknown. From {2 * SEARCHED} images on, half "
            "is better."
        )
    folders = share < 1.0 and choice.label != "class" and _are_clusters(seen, choice)
    if folders:
        text += " A class folder stays whole: attackers learn from other persons or cases only."
    yield from _note(text, 4)
    yield _entry("split", {"validation": share} | ({"by": "class"} if folders else {}), 4)
    if choice.label is not None:
        yield _entry("label", choice.label, 4)
    if cost.images < seen.images:
        least, most = whole.span
        yield from _note(
            f"A sample that takes about {choice.minutes:g} minutes, drawn by a hash of the names. "
            f"All {seen.images:,} take {duration(least)} to {duration(most)}: remove this line; "
            "finished work is kept.",
            4,
        )
        yield _entry("subset", cost.images, 4)


def _detectors(sample: Sample, detectors: list[str], choice: Choice) -> Iterator[str]:
    yield from _note("What is looked for and hidden. Seen:", 4)
    for name, found in sample.found.items():
        label = f"#   {name} ({DETECTORS[name].label}, {found.entity}): "
        if found.missing:
            text = f"not tried: {' '.join(found.missing.split())}"
        else:
            text = f"in {found.images} of {sample.read}, {found.seconds:.2g} s an image"
            if found.images and name not in detectors:
                text += "; left out, for it is in few: add it if that matters"
            if not found.images and sample.read:
                most = 1 - _CHANCE ** (1 / sample.read)
                text += f"; up to {most:.0%} of all may have some: add it if that matters"
        yield f"    {label}{text}"
    if not sample.finding:
        yield from _note("Nothing was found: look at your images, and choose.", 4)
    note = _note(
        "Only what is found is hidden. Look before you trust: anonbench run detection_quality "
        f"--configfile {_THIS}. Images without a region are left out.",
        4,
    )
    yield from _with_name(note, choice)
    yield _entry("detectors", detectors, 4)


def _methods_for(detectors: Sequence[str]) -> list[str]:
    """Methods to compare: the paper's, and `replace` if detectors find more than faces."""
    drawn = {str(entity) for name in detectors for entity in DETECTORS[name].entities} - {"face"}
    return [*map(str, Method), *(["replace"] if drawn else [])]


def _methods(methods: Sequence[str]) -> Iterator[str]:
    text = "Methods at full degree: all regions of an image are hidden."
    if "replace" in methods:
        text += " `replace` redraws text and codes with fake content, and masks faces."
    yield from _note(text, 4)
    yield _entry("methods", [*methods], 4)
    yield _entry("degrees", [100], 4)


def _are_clusters(seen: Survey, choice: Choice) -> bool:
    """Whether class folders are clusters: not if they are the labels, unless they are persons."""
    found = seen.layout is not Layout.CELEBA and len(seen.classes) >= _FEW_CLUSTERS
    return found and (choice.persons or choice.label != "class")


def _clusters(seen: Survey, choice: Choice) -> Iterator[str]:
    if seen.layout is Layout.CELEBA or not seen.classes:
        yield from _note(
            "If several images show one person or case, name the column or folder that says so "
            "(cluster: …, docs/how-to/own-data.md): else intervals are too narrow.",
            4,
        )
        return
    number = len(seen.classes)
    least, most = seen.classes[-1], seen.classes[0]
    span = f"{most:,}" if least == most else f"{least:,} to {most:,}"
    text = f"There are {number:,} class folders of {span} images. "
    if choice.label == "class" and not choice.persons:
        yield from _note(
            f"{text}They are what is told apart, so each image counts by itself. If they are "
            "persons or cases, leave out `label` and this line.",
            4,
        )
        yield "    cluster: none"
    elif number < _FEW_CLUSTERS:
        yield from _note(
            f"{text}So few cannot be counted as independent evidence: each image counts by itself. "
            "If images of a folder show one person or case, remove this line.",
            4,
        )
        yield "    cluster: none"
    else:
        yield from _note(
            f"{text}They are taken for persons or cases: intervals count folders, not images. If "
            "they are only categories: cluster: none.",
            4,
        )
        yield "    cluster: class"


def _coverage(detectors: Sequence[str]) -> Iterator[str]:
    chosen = {name: dict(COVERING[name]) for name in detectors if name in COVERING}
    if not chosen:
        return
    yield ""
    yield from _note(
        "Chosen for coverage: more is hidden than with the detectors' own defaults, and less is "
        "missed (measured in docs/explanation/policy.md). Without this section, the defaults count."
    )
    yield "detection:"
    yield from (_entry(name, settings, 2) for name, settings in chosen.items())


def _ranking(cost: Estimate, choice: Choice) -> Iterator[str]:
    if cost.images >= FEWEST:
        return
    searched = int(cost.images * searched_share(cost.images, choice.label is not None))
    fraction = math.ceil(1000 * _K / searched) / 1000 if searched else 1.0
    yield ""
    yield from _note(
        f"{count(searched, 'image')}: the usual 5 % of them would be fewer than {_K} relevant "
        f"images a query, of which nothing is said. With {FEWEST} images, remove this."
    )
    yield "retrieval:"
    yield _entry("fraction", min(1.0, fraction), 2)


def _attack(
    seen: Survey, sample: Sample, detectors: Sequence[str], choice: Choice, cost: Estimate
) -> Iterator[str]:
    usual = Privacy()
    entities = {str(entity) for name in detectors for entity in DETECTORS[name].entities}
    share = searched_share(cost.images, choice.label is not None)
    images = int(share * cost.images)
    grouped = _are_clusters(seen, choice)
    there = int(share * len(seen.classes)) if grouped else images
    strictest = min(limits_of(entities))
    needed = fewest_trials(strictest, CONFIDENCE)
    yield ""
    if there < needed:
        what = "class folders" if grouped else "images"
        yield from _note(
            f"Too few for the policy: about {there:,} {what} are searched, and its strictest limit "
            f"({100 * strictest:g} %) takes {needed:,} even where no attack succeeds. Until there "
            f"are about {math.ceil(needed / share):,} {what}, no method can pass."
        )
    yield from _note(
        f"Of each kind, {PROBES} regions are looked for, among {GALLERY}, by who has learned from "
        f"{GALLERY}, and {ATTACKED} are read and restored (by who has learned it from as many), so "
        "that the first answer comes soon. "
        f"Without this section they are {usual.probes:,}, {usual.gallery:,}, "
        f"{usual.of(Supervised).regions:,}, {usual.attacked_regions:,} and "
        f"{usual.restored_from:,}: narrower intervals, and attackers that have learned more."
    )
    yield "privacy:"
    yield _entry("probes", PROBES, 2)
    yield _entry("gallery", GALLERY, 2)
    yield _entry("supervised", {"regions": GALLERY}, 2)
    yield _entry("attacked_regions", ATTACKED, 2)
    yield _entry("restored_from", ATTACKED, 2)
    if grouped:
        # several images of a folder count as one piece of evidence
        yield _entry(
            "residual", {"images": min(images, max(usual.of(Residual).images, ATTACKED))}, 2
        )
    if seen.classes and sample.is_often("centerface"):
        yield from _note(
            "Photographs of faces in class folders: where a folder is a person, this makes the "
            "attackers look for the person in other photographs, too, and not only for the same "
            "photograph. Where folders are categories, leave it out.",
            2,
        )
        yield f"  {'' if choice.persons else '# '}identity: class"


def _next(seen: Survey, choice: Choice) -> Iterator[str]:
    yield ""
    yield from _note("Next steps, once this has an answer:")
    steps = [
        "your own system, above;",
        "true boxes of some images (truth: boxes.csv, docs/reference/files.md): without them it is "
        "not known how much the detectors miss, and nothing passes the policy;",
        "a weaker or stronger method: anonymization: { blur: … }, see config/defaults.yaml;",
    ]
    if choice.label is None and seen.labels:
        more = f" (of {count(len(seen.labels), 'label column')})" if len(seen.labels) > 1 else ""
        steps.append(f"accuracies: `label: {seen.labels[0]}`{more};")
    steps.append(
        "adapting a model to anonymized images: in place of `system`, `adaptions` and a `recipe` "
        "(config/own_data.yaml). That trains models"
        + (
            "."
            if choice.gpus
            else ", and this machine has no GPU: days on cores, so plan it for another one."
        )
    )
    for step in steps:
        yield from _note(f"- {step}")
