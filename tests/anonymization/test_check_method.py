"""The trial of a method, for whoever writes one."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from anonbench.anonymization.check_method import check_method
from anonbench.core.errors import InputError
from anonbench.core.registries.methods import METHODS, Method


class Grey(Method):
    """The mean of the region's window."""

    name: ClassVar = "grey_of_test"

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        return np.full_like(pixels, 128)

    def is_hidden(self, original: np.ndarray, written: np.ndarray, entity: str) -> np.ndarray:
        return np.asarray((written == 128).all(axis=0))


class Whole(Grey):
    """One whose check looks at the whole window, also at pixels of other regions."""

    def is_hidden(self, original: np.ndarray, written: np.ndarray, entity: str) -> np.ndarray:
        return np.full(written.shape[1:], (written == written[0, 0, 0]).all())

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        return np.full_like(pixels, pixels.shape[0] + pixels.shape[1])


class Random(Grey):
    """One whose pixels are others each time."""

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        return np.random.default_rng().integers(0, 255, pixels.shape, dtype=np.uint8)


class Broken(Grey):
    """One that cannot take grey images."""

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        return np.full_like(pixels[:, :, ::-1], 128)


@pytest.mark.parametrize("name", ["mask", "swirl", "inpaint"])
def test_built_in_methods_pass(name: str) -> None:
    check_method(name)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (Grey, None),
        (Whole, "two regions that overlap .*has to judge each pixel as if the other regions did"),
        (Random, "one region .*a second run gives other pixels"),
        (Broken, "a grey image with one region .*IndexError"),
    ],
)
def test_what_is_wrong_is_said(
    method: type[Method], message: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS._classes, method.name, method)
    if message is None:
        check_method(method.name)
    else:
        with pytest.raises(InputError, match=message):
            check_method(method.name)
