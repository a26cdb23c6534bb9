"""Portraits: a person in front of a plain wall, with the true box of the face."""

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.libraries.opencv import cv2
from anonbench.core.numeric.seeding import rng
from anonbench.core.vocabulary import Entity
from anonbench_demo import faces, wardrobe
from anonbench_demo.listing import Drawing
from anonbench_demo.people import Photo, Traits, attributes
from anonbench_demo.scan import with_noise
from anonbench_demo.strokes import SUPERSAMPLING, Canvas

WIDTH, HEIGHT = 178, 218
UNIT = 17.0
EYES = (89.0, 98.0)


def draw(seed: int, identity: str, photo: int | str) -> Drawing:
    """Draw a photo of an identity: uint8 [218, 178, 3], one face region, CelebA's attributes.

    Everyone has two sets of clothes.
    """
    traits = Traits(rng(seed, "identity", identity))
    random = rng(seed, "portrait", identity, int(photo))
    if random.random() < 0.4:
        traits.change_clothes(rng(seed, "clothes", identity))
    view = Photo(random)
    image, box = person(traits, view, random, (WIDTH, HEIGHT), UNIT, EYES)
    side = view.light_strength * view.light * np.linspace(-1, 1, WIDTH)
    balance = np.array([1 + view.warmth, 1, 1 - view.warmth]) * view.gain
    light = np.broadcast_to((1 + side)[None, :, None] * balance, image.shape).astype(np.float32)
    exposed = cv2.multiply(cv2.GaussianBlur(image, (0, 0), 0.55), light, dtype=cv2.CV_8U)
    image = with_noise(exposed, 0.0, 2.8, random)
    x0, y0, x1, y1 = np.clip(box, 0, (WIDTH, HEIGHT) * 2).tolist()
    face = Region(Entity.FACE, x0, y0, x1, y1, 1.0)
    return Drawing(image, [face], attributes(traits, view))


def person(
    traits: Traits,
    photo: Photo,
    random: np.random.Generator,
    size: tuple[int, int],
    unit: float,
    eyes: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a person with the eyes about `eyes`; return image [H, W, 3] and the face's box [4]."""
    scale = unit * photo.scale
    x, y = eyes[0] + photo.shift[0] * unit / UNIT, eyes[1] + photo.shift[1] * unit / UNIT
    fine = (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING)
    # the wall is nearly plain: a small network would match a strong background, not the person
    slope = np.linspace(-0.5, 0.5, size[0]) * photo.ground_slope
    light = (slope[None, :] + np.linspace(6, -10, size[1])[:, None])[:, :, None] + photo.ground
    pixels = cv2.resize(np.clip(light, 0, 255).astype(np.uint8), fine)
    head = Canvas(pixels, x, y, scale, photo.roll, photo.yaw)
    lower = x - 3.0 * photo.roll * scale
    body = Canvas(pixels, lower, y, scale, photo.roll * 0.2, photo.yaw * 0.3)
    texture = wardrobe.strands(head, traits.hair, random)
    wardrobe.draw_back_hair(head, traits, texture)
    wardrobe.draw_neck(body, head, traits)
    wardrobe.draw_clothes(body, traits)
    faces.draw_ears(head, traits)
    skin = faces.draw_head(head, traits, photo)
    faces.draw_features(head, traits, photo, skin)
    wardrobe.draw_front_hair(head, traits, texture, skin)
    if traits.hat is not None:
        wardrobe.draw_hat(head, traits, traits.hat)
    outline = faces.head_outline(traits)
    front = head.place(outline[outline[:, 1] > faces.FOREHEAD])
    image = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return image, np.concatenate([front.min(axis=0), front.max(axis=0)])
