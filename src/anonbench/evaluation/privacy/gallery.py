"""Choice of probes, and of the gallery that each is searched in.

A face whose person is known is searched among other photographs; any other region is searched among
the originals of all regions, including its own. Everything is drawn by hashes of ids: an added
image changes few others, and every variant and attacker gets the same gallery.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pyarrow.parquet import read_schema

from anonbench.core.numeric.seeding import hash_ints
from anonbench.core.vocabulary import Entity

if TYPE_CHECKING:
    from anonbench.config import Anonymization, Privacy

NONE = "no region in the validation images"
ONLY_ONE = "only one region in the validation images"
ONLY_TRAIN = "no region in the validation images, but in the train images"
"""Why there is no gallery."""
NO_LESSON = "no such regions in the train images to learn from"
TOO_LITTLE = "too little in the train images to learn from"
"""Why an attacker that learns was not run: the train images have no such regions for it; or too
few, and the required number follows."""
UNTAUGHT = "so it compares by the models' own vectors"
"""What an attacker that learns does instead, if it is run without a lesson."""
NO_MODEL = "the system embeds no crops, and no recognizer of them is given (privacy.recognizer)"
"""Why no attack was run: the vectors were computed elsewhere."""


class Match(StrEnum):
    """Kind of match that counts as found."""

    PERSON = "person"
    """The same person in another photograph."""
    REGION = "region"
    """The same region of the same image."""


@dataclass(frozen=True)
class Gallery:
    """One entity's gallery; its probes are some of its regions."""

    entity: Entity
    match: Match
    crops: pd.DataFrame
    """One row per crop, sorted by id and order: id, order (in its image's draw), count (regions of
    the image), who (shared by matches, int), cluster (shared by dependent probes: the person or the
    image, int), turn (place in a random order of crops with the same `who`, int; the first
    represents its person if the gallery has one crop of each), probe (bool)."""
    context: float = 0.0
    """Factor by which boxes are grown if only surroundings are shown; 0: the region itself."""

    def shown(self, crops: pd.DataFrame, settings: Privacy, hiding: Anonymization) -> pd.DataFrame:
        """Crops with the columns `margin` and `context` of what is shown of them.

        The margin is the factor by which a region is grown before it is cut out; if only its
        surroundings are shown, before it is made grey.
        """
        margin = settings.margin if self.match is Match.PERSON else 1.0
        if self.context:
            margin = float(hiding.margin)
        return crops.assign(margin=margin, context=self.context)


def draw_galleries(
    boxes: pd.DataFrame,
    ids: Collection[str],
    people: Mapping[str, str],
    sought: Collection[Entity],
    settings: Privacy,
    seed: int,
) -> tuple[list[Gallery], dict[Entity, str]]:
    """Draw a gallery for each entity; give a reason for each entity without one.

    Args:
        boxes: columns of `anonbench.core.boxes`, of both splits.
        ids: the validation images.
        sought: entities that the detectors look for.

    """
    validation = boxes[boxes["id"].isin(set(ids))].sort_values(["id", "order"], ignore_index=True)
    validation = validation.assign(count=validation.groupby("id")["order"].transform("size"))
    galleries, missing = [], {}
    for entity in Entity:
        regions = validation[validation["entity"] == entity.value]
        drawn = _person_gallery(regions, people, settings, seed) if entity is Entity.FACE else None
        match = Match.REGION if drawn is None else Match.PERSON
        if drawn is None:
            drawn = _region_gallery(regions, settings, seed)
        if len(drawn) < 2:
            published = (boxes["entity"] == entity.value).any()
            if len(drawn):
                missing[entity] = ONLY_ONE
            elif published or entity in sought:
                missing[entity] = ONLY_TRAIN if published else NONE
            continue
        ordered = drawn.sort_values(["id", "order"], ignore_index=True)
        galleries.append(Gallery(entity, match, ordered[_COLUMNS]))
    return galleries, missing


_COLUMNS = ["id", "order", "count", "who", "cluster", "turn", "probe"]


def _region_gallery(regions: pd.DataFrame, settings: Privacy, seed: int) -> pd.DataFrame:
    """Draw the gallery; the probes are the first drawn."""
    keys = regions["id"] + "\x1f" + regions["order"].astype(str)
    drawn = regions.assign(draw=hash_ints((seed, "line-up"), keys)).sort_values("draw")
    drawn = drawn.iloc[: settings.gallery]
    number = np.arange(len(drawn))
    return drawn.assign(
        who=number,
        cluster=pd.factorize(drawn["id"])[0],
        turn=0,
        probe=number < settings.probes,
    )


def _person_gallery(
    faces: pd.DataFrame, people: Mapping[str, str], settings: Privacy, seed: int
) -> pd.DataFrame | None:
    """Draw persons with all their photographs; None if no known person appears twice."""
    # the known person is assumed to be the largest face of the image; other faces are ignored
    area = (faces["x1"] - faces["x0"]) * (faces["y1"] - faces["y0"])
    largest = faces.assign(area=area, person=faces["id"].map(people)).sort_values(
        ["area", "order"], ascending=[False, True]
    )
    known = largest.drop_duplicates("id").dropna(subset=["person"])
    photos = known.groupby("person")["id"].transform("size")
    if not (photos > 1).any():
        return None
    draw = hash_ints((seed, "line-up"), known["person"])
    drawn = known.assign(draw=draw, photos=photos).sort_values(["draw", "person", "id"])
    # persons who fit completely into the gallery, at least two
    persons = drawn.groupby("person", sort=False)
    fitting = max(2, int((persons.size().cumsum() <= settings.gallery).sum()))
    drawn = drawn[persons.ngroup() < fitting]
    who = pd.factorize(drawn["person"])[0]
    order = np.argsort(hash_ints((seed, "probe"), drawn["id"]), kind="stable")
    probes = order[drawn["photos"].to_numpy()[order] > 1][: settings.probes]
    turns = pd.Series(hash_ints((seed, "mate"), drawn["id"])).groupby(who).rank(method="first")
    return drawn.assign(
        who=who,
        cluster=who,
        turn=turns.to_numpy(np.int64) - 1,
        probe=np.isin(np.arange(len(drawn)), probes),
    )


def read_people(manifest: Path, column: str) -> dict[str, str]:
    """Person of each image by id, from a manifest column; empty without such a column."""
    if column not in read_schema(manifest).names:
        return {}
    known = pd.read_parquet(manifest, columns=["id", column]).dropna()
    return dict(zip(known["id"].astype(str), known[column].astype(str), strict=True))
