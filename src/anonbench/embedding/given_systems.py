"""Embeddings of a caller's images, or of image sets, by an encoder or a system."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
from pydantic import ValidationError

from anonbench.core.errors import InputError
from anonbench.core.jobs.work_cache import flushed_at_intervals
from anonbench.core.numeric.similarity import threads
from anonbench.core.progress import track
from anonbench.core.provenance import versions
from anonbench.core.registries.systems import SYSTEMS, NetworkKind, Similarity, System, SystemKind
from anonbench.core.settings import fault
from anonbench.core.wording import suggestion
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.detection.base import as_rgb
from anonbench.embedding.given_images import Given, ahead, digest_of, look_at
from anonbench.embedding.store import Embeddings, VectorCache, write_set
from anonbench.embedding.systems.function import InBatches
from anonbench.embedding.systems.opening import Checked, identity_of, open_system
from anonbench.embedding.systems.vectors import Vectors

Encoder = System | SystemKind | Mapping[str, Any] | str | Callable[[list[np.ndarray]], Any]
"""What embeds: a function from a list of images (uint8 [H, W, 3] RGB) to floats [N, D], an object
with `encode`, `identity` and `similarity`, or a system by its settings: as in the config's section
`systems`, or as text, `kind`, `kind:value` or `kind:value,key=value`."""

_BATCH = 32  # greatest number of images passed to a function at once
Encode = Callable[[Sequence[np.ndarray]], np.ndarray]  # uint8 [H, W, 3] to float32 [N, D]


def embed(encoder: Encoder, images: Given, cache: Path | str | None = None) -> Embeddings:
    """Embed images, whatever their number: they are read in batches.

    Args:
        encoder: a function from a list of images (uint8 [H, W, 3] RGB) to floats [N, D], a system,
            or its name (`Encoder`), such as `timm:resnet18`.
        images: a folder, a list of paths, or arrays (`anonbench.embedding.given_images.Given`).
        cache: folder in which vectors are kept by image content and system.

    Returns:
        Ids, sorted, and vectors, float32 [N, D]. The ids are the files' names, which do not depend
        on other files, or a table's own. Each page of a PDF or TIFF file of several is an image.
        Images that cannot be read are left out, and `provenance` has the reasons: `left_out`, a
        name and a reason each.

    Raises:
        InputError: there is no image, the system cannot be started, or does not answer as it
            should.

    Example:
        >>> import numpy as np, anonbench
        >>> photos = [np.full((8, 8, 3), level, np.uint8) for level in range(5)]
        >>> anonbench.embed(lambda images: np.array([x.mean((0, 1)) for x in images]), photos).ids
        ['0', '1', '2', '3', '4']
    """
    encoder = settled(encoder)
    pictures = look_at(images)
    ids: list[str] = []
    parts: list[np.ndarray] = []
    left = [[each.name, each.reason] for each in pictures.left_out if not each.quiet]
    names = {image.id: image.name or image.id for image in pictures.images}
    keys = {image.id: image.key for image in pictures.images}
    with open_encoder(encoder) as system, encoding(system, cache) as encode:
        batches = ahead(pictures.batches(threads()))
        for batch in track(batches, len(pictures.images), "images embedded", len):
            left += [[names[image.id], image.problem] for image in batch if image.problem]
            readable = [image for image in batch if not image.problem]
            if readable:
                with naming([names[image.id] for image in readable]):
                    parts.append(encode([as_rgb(image.pixels) for image in readable]))
                ids += [keys[image.id] for image in readable]
        identity, similarity = system.identity, system.similarity
    if not parts:
        raise InputError(f"{pictures.place}: no image can be read, {left[0][1]} for one")
    made_by = {
        "system": identity,
        "similarity": similarity,
        "images": pictures.digest,
        "left_out": left,
        "converted": pictures.conversions,
        "versions": versions("numpy"),
    }
    order = sorted(range(len(ids)), key=ids.__getitem__)
    return Embeddings([ids[row] for row in order], np.concatenate(parts)[order], made_by)


@contextmanager
def naming(images: Sequence[str]) -> Iterator[None]:
    """Add the names of a batch of images to an exception of its encoder."""
    try:
        yield
    except Exception as error:
        first, *others = images
        named = f"one of the images {first} to {others[-1]}" if others else f"image {first}"
        where = f"while it encoded {named}"
        if isinstance(error, InputError):
            raise InputError(f"{error}, {where}") from error
        error.add_note(where)
        raise


@contextmanager
def encoding(system: System, cache: Path | str | None) -> Iterator[Encode]:
    """Yield the encoder of a system; with a cache folder, vectors are cached.

    InputError: a cache is requested for a system without an identity.
    """
    if cache is None:
        yield system.encode
        return
    if not system.identity:
        raise InputError(
            "cache: a function has no identity that tells its next version from this one; give an "
            "object with encode, identity and similarity, or a system such as "
            "'function:module:encode', or leave the cache out"
        )
    kept = VectorCache(Path(cache) / "vectors", system.identity)
    with flushed_at_intervals(kept.flush) as flush_if_due:

        def encode(images: Sequence[np.ndarray]) -> np.ndarray:
            digests = [digest_of(image) for image in images]
            pairs = zip(digests, images, strict=True)
            if new := {digest: image for digest, image in pairs if digest not in kept}:
                kept.add(list(new), system.encode(list(new.values())))
                flush_if_due()
            return kept.read(digests)

        yield encode


@contextmanager
def open_encoder(encoder: Encoder, similarity: Similarity = "cosine") -> Iterator[System]:
    """Yield an encoder of `settled` as a system for the time of the block.

    `similarity` is what a function's vectors are compared by; a system has its own. InputError: it
    cannot be started.
    """
    own: Similarity = getattr(encoder, "similarity", similarity)
    for given in (similarity, own):
        if given not in get_args(Similarity):
            known = ", ".join(get_args(Similarity))
            raise InputError(f"similarity: {given!r} is not one of {known}")
    if isinstance(encoder, SystemKind):
        with open_system(encoder) as system:
            yield system
        return
    encode: Any = getattr(encoder, "encode", encoder)
    if not callable(encode):
        raise InputError(
            f"encoder: {type(encoder).__name__} is neither a function nor a system; give "
            "encode(images) -> array, or a system such as 'timm:tf_efficientnet_lite0'"
        )
    identity = "" if encode is encoder else str(getattr(encoder, "identity", ""))
    yield Checked(InBatches(encode, _BATCH), identity, own)


def settled(encoder: Encoder) -> Encoder:
    """Return an encoder with its settings read and its files found, without starting it.

    InputError: there is no such system, or a file that it needs is missing.
    """
    if isinstance(encoder, str | Mapping):
        encoder = system_settings(encoder)
    if isinstance(encoder, SystemKind):
        if not encoder.embeds_images:
            raise InputError(
                f"system {encoder.name}: vectors that are made elsewhere are scored by `anonbench "
                "score` (docs/how-to/score.md)"
            )
        identity_of(encoder)
    return encoder


def system_settings(given: str | Mapping[str, Any]) -> SystemKind:
    """Return the settings of a system.

    They are given as in the config, such as `{"kind": "timm", "name": "resnet18"}`, or as text,
    such as `timm:resnet18` or `onnx:mine.onnx,input.resize=squash`: the first value is that of the
    kind's first field. InputError: there is no such kind, or a setting is wrong.
    """
    values = _parsed(given) if isinstance(given, str) else dict(given)
    kind = str(values.get("kind", ""))
    if kind not in SYSTEMS:
        raise InputError(
            f"system: there is no kind {kind!r}; there are {', '.join(SYSTEMS)}"
            f"{suggestion(kind, SYSTEMS)}"
        )
    try:
        return SYSTEMS[kind].model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or kind
        raise InputError(f"system {kind}: {field}: {fault(first)}") from None


def _parsed(text: str) -> dict[str, Any]:
    kind, colon, rest = text.partition(":")
    values: dict[str, Any] = {"kind": kind}
    if not colon or kind not in SYSTEMS:
        return values
    first, *others = rest.split(",")
    fields = {name: field.alias or name for name, field in SYSTEMS[kind].model_fields.items()}
    own = [fields[name] for name in fields if name not in {*NetworkKind.model_fields, "kind"}]
    if not own:
        raise InputError(f"system: {kind} takes no value")
    values[own[0]] = first
    for other in others:
        key, equals, value = other.partition("=")
        section, _, name = key.rpartition(".")
        place = values.setdefault(section, {}) if section else values
        if not equals or not isinstance(place, dict):
            raise InputError(f"system {text}: {other!r} is no setting; write key=value")
        place[name] = value
    return values


MOST_IN_MEMORY = 256  # images; those of larger groups are read as the system uses them
Reader = Callable[[], np.ndarray]  # reads one image, uint8 [H, W] or [H, W, 3] RGB

_LOG = logging.getLogger(__name__)


def embed_sets(
    settings: SystemKind, sets: Sequence[tuple[str, ImageSet, Path]], kept: Path
) -> None:
    """Embed image sets by one system and write each as HDF5.

    The sets are variant, images, and the path for their vectors; the folder `kept` has the cache.

    Raises:
        InputError: the system cannot be started, or does not answer as it should.
    """
    made_by = {
        "model": identity_of(settings),
        "system": settings.effective(),
        "similarity": settings.similarity,
        "versions": versions("numpy"),
    }
    if isinstance(settings, Vectors):
        found = settings.image_set_vectors([(name, images) for name, images, _ in sets], kept)
    else:
        found = vectors_of(settings, [images for _, images, _ in sets], kept)
    for (_, images, output), values in zip(sets, found, strict=True):
        write_set(output, images, values, made_by)


def vectors_of(settings: SystemKind, sets: Sequence[ImageSet], kept: Path) -> list[np.ndarray]:
    """Return the vectors of image sets, float32 [N, D] each, in the order of their ids.

    Equal images are embedded once, also over several calls: vectors are cached in the folder `kept`
    by image content and the system's identity. The system is not started if all are cached. One
    group of images is read while the one before it is embedded.
    """
    cache = VectorCache(kept, identity_of(settings))
    new: dict[str, Reader] = {}
    for images in sets:
        for image_id, digest in zip(images.ids, images.digests, strict=True):
            if digest not in cache and digest not in new:
                new[digest] = partial(images.read, image_id)
    known = sum(len(images.ids) for images in sets) - len(new)
    _LOG.info("%d images are new, of %d the vectors are known or shared", len(new), known)
    digests, size = list(new), settings.most_images
    groups = [digests[start : start + size] for start in range(0, len(digests), size)]

    def read(group: Sequence[str]) -> Sequence[np.ndarray]:
        found = _OnDemand([new[digest] for digest in group])
        return (
            found if size > MOST_IN_MEMORY else list(pool.map(found.__getitem__, range(len(group))))
        )

    if new:
        with (
            open_system(settings) as system,
            ThreadPoolExecutor(threads()) as pool,
            flushed_at_intervals(cache.flush) as flush_if_due,
            closing(ahead(map(read, groups))) as batches,
        ):
            coming = track(batches, len(groups), f"groups of {size} images")
            for group, pictures in zip(groups, coming, strict=True):
                cache.add(group, system.encode(pictures))
                flush_if_due()
    return [cache.read(images.digests) for images in sets]


class _OnDemand(Sequence[np.ndarray]):
    """Images, uint8 [H, W, 3], that are read each time they are used."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._readers = readers

    def __len__(self) -> int:
        return len(self._readers)

    def __getitem__(self, place: Any) -> Any:
        """Return one image, or several as another such sequence."""
        found = self._readers[place]
        return _OnDemand(found) if isinstance(place, slice) else as_rgb(found())
