"""Scenes, each made once."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from scenes import DEGREE, REGIONS, Format, Scene, picture

from anonbench.anonymization.apply import layers
from anonbench.core.vocabulary import Entity, Variant
from keyed_settings import asked


@pytest.fixture(scope="session")
def scene(key_folder: Path) -> Callable[..., Scene]:
    @cache
    def make(method: str, form: Format = "png", colour: bool = True, shape: str = "box") -> Scene:
        settings = asked(
            key_folder,
            format=form,
            shape=dict.fromkeys(Entity, shape),
            layers={"methods": ["pixelate", "noise", "blur"]},
            by_entity={"face": "layers", "text": "inpaint", "mrz": "tile_shuffle"},
        )
        original = picture(colour)
        *between, honest = layers(original, REGIONS, Variant(method, DEGREE), settings)
        for image in (original, honest, *between):
            image.flags.writeable = False
        return Scene(original, honest, between, method, settings)

    return make
