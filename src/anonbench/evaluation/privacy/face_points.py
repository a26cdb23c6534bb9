"""Eyes, nose and mouth of faces in originals, by which attackers align crops of all variants.

An attacker who has the original knows where the face is, and the hidden face is in the same place:
the points are those of the original, whatever is attacked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from anonbench.anonymization.geometry import cover
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Entity
from anonbench.evaluation.privacy.crops import Points, Readable

NEEDS = (
    "privacy.recognizer: eyes, nose and mouth are found by MTCNN, which is not there: "
    "pip install --no-deps facenet-pytorch==2.6.0, or set privacy.recognizer.aligned to false"
)


def find_points(
    originals: Readable, regions: Mapping[str, Sequence[Region]], wanted: pd.DataFrame
) -> Points:
    """Return eyes, nose and mouth of faces, by image and place in the draw.

    Args:
        originals: the images.
        regions: their regions in draw order.
        wanted: columns id, order and context; what is no face, outside its image, or seen by its
            surroundings is left out.

    Raises:
        InputError: MTCNN is not installed.

    """
    from anonbench.detection.faces.landmarks import Landmarks

    try:
        landmarks = Landmarks()
    except ImportError as error:
        raise InputError(NEEDS) from error
    found: dict[tuple[str, int], np.ndarray] = {}
    of_faces = wanted[wanted["context"] == 0]
    for name, orders in of_faces.groupby("id", sort=False)["order"]:
        image_id = str(name)
        faces = {
            order: regions[image_id][order]
            for order in sorted(set(orders.tolist()))
            if regions[image_id][order].entity is Entity.FACE
        }
        if not faces:
            continue
        image = originals.read(image_id)
        there = {order: face for order, face in faces.items() if cover(face, image.shape)}
        points = landmarks.find(image, list(there.values()))
        found |= {(image_id, order): each for order, each in zip(there, points, strict=True)}
    return found
