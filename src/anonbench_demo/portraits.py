"""Portraits: a person in front of a plain wall, with the true box of the face."""

from __future__ import annotations

import numpy as np

from anonbench.core.libraries.opencv import cv2
from anonbench.core.numeric.seeding import rng
from anonbench.core.vocabulary import Entity
from anonbench_demo import faces, wardrobe
from anonbench_demo.listing import Drawing, box_region
from anonbench_demo.people import Photo, Traits, attributes
from anonbench_demo.scan import with_noise
from anonbench_demo.strokes import SUPERSAMPLING, Canvas, Frame

WIDTH, HEIGHT = 178, 218
UNIT = 17.0
EYES = (89.0, 98.0)


def draw(seed: int, identity: str, photo: int) -> Drawing:
    """Draw a photo of an identity: uint8 [218, 178, 3], one face region, CelebA's attributes.

    Everyone has two sets of clothes.
    """
    traits = Traits(rng(seed, "identity", identity))
    random = rng(seed, "portrait", identity, photo)
    if random.random() < 0.4:
        traits.change_clothes(rng(seed, "clothes", identity))
    view = Photo(random)
    image, box = person(traits, view, random, (WIDTH, HEIGHT), UNIT, EYES)
    return Drawing(
        image=_sensor(image, view, random),
        regions=[box_region(Entity.FACE, box, WIDTH, HEIGHT)],
        labels=attributes(traits, view),
    )


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
    pixels = cv2.resize(_wall(size, photo), fine)
    head = Canvas(pixels, Frame(x, y, scale, photo.roll, photo.yaw))
    lower = Frame(x - 3.0 * photo.roll * scale, y, scale, photo.roll * 0.2, photo.yaw * 0.3)
    body = Canvas(pixels, lower)
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
    front = head.frame.place(outline[outline[:, 1] > faces.FOREHEAD])
    image = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return image, np.concatenate([front.min(axis=0), front.max(axis=0)])


def _wall(size: tuple[int, int], photo: Photo) -> np.ndarray:
    """Return a plain wall with a gentle slope of light.

    A strong background would be what a small network matches instead of the person.
    """
    width, height = size
    slope = np.linspace(-0.5, 0.5, width) * photo.ground_slope
    fall = np.linspace(6, -10, height)
    light: np.ndarray = (slope[None, :] + fall[:, None])[:, :, None] + np.array(photo.ground)
    return np.clip(light, 0, 255).astype(np.uint8)


def _sensor(image: np.ndarray, photo: Photo, random: np.random.Generator) -> np.ndarray:
    """Add the side of the light, exposure, the lens's softness and the sensor's noise."""
    side = photo.light_strength * photo.light * np.linspace(-1, 1, image.shape[1])
    balance = np.array([1 + photo.warmth, 1, 1 - photo.warmth]) * photo.gain
    light = np.broadcast_to((1 + side)[None, :, None] * balance, image.shape).astype(np.float32)
    soft = cv2.GaussianBlur(image, (0, 0), 0.55)
    return with_noise(cv2.multiply(soft, light, dtype=cv2.CV_8U), 0.0, 2.8, random)
