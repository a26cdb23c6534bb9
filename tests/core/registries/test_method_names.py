"""Names of methods that a config makes."""

import pytest

from anonbench.core.registries import method_names as names
from anonbench.core.vocabulary import COMPATIBLE, Adaption, Method, Variant
from anonbench.reporting.labels import METHODS, method_colour


@pytest.mark.parametrize(
    "name",
    [
        *(*Method, *(f"{method}_weak" for method in Method), "given_deface", "redrawn_mask"),
        *("redrawn_blur_weak", "mapped_mask", "mapped_given_deface", "D_mask"),
    ],
)
def test_names_are_of_variants(name: str) -> None:
    assert names.is_method(name)
    assert Variant.parse(f"{name}-100") == Variant(name, 100)
    assert str(Variant(name, 100)) == f"{name}-100"
    kind = name.partition("_")[0]
    assert names.is_given(name) is (kind == "given")
    assert names.is_redrawn(name) is (kind == "redrawn")
    assert names.has_own_vectors(name) is (kind in ("mapped", "D"))
    assert names.is_audited(name) is (kind not in ("given", "redrawn", "mapped", "D"))


@pytest.mark.parametrize(
    "name",
    [
        *("", "twirl", "given", "given_", "original", "weak_blur", "redrawn_", "redrawn_twirl"),
        *("redrawn_given_deface", "redrawn_redrawn_mask", "mapped_twirl", "mapped_"),
    ],
)
def test_other_names_are_none(name: str) -> None:
    assert not names.is_method(name) and not names.is_redrawn(name)
    with pytest.raises(ValueError, match=r"no method is called|not <method>"):
        Variant.parse(f"{name}-100")


@pytest.mark.parametrize("degree", ["101", "0", "half", "+5"])
def test_other_degrees_are_none(degree: str) -> None:
    with pytest.raises(ValueError, match="the degree is 1 to 100 percent"):
        Variant.parse(f"mask-{degree}")


def test_what_is_behind_a_name() -> None:
    assert [names.base_of(each) for each in ("mask", "blur_weak")] == ["mask", "blur"]
    for name in ("given_blur", "redrawn_blur"):
        with pytest.raises(KeyError):
            names.base_of(name)
    assert names.program_of("given_deface") == "deface"
    assert names.is_audited(None)
    pictures = {"mapped_blur_weak": "blur_weak", "mask": "mask", "D_blur_weak": "blur_weak"}
    assert {name: names.pictures_of(name) for name in pictures} == pictures
    published = {each: names.published_as("mask", each) for each in (*Adaption, "mapped")}
    assert {each for each, name in published.items() if name != "mask"} == {*COMPATIBLE, "mapped"}
    assert (published["mapped"], published[Adaption.D]) == ("mapped_mask", "D_mask")


def test_labels_say_whose_pictures_they_are() -> None:
    labels = {
        "given_deface": "deface (given)",
        "redrawn_blur_weak": "Blur weak, redrawn",
        "mapped_mask": "Mask, mapped vectors",
        "D_mask": "Mask, vectors of model D",
        "unknown": "unknown",  # what is no method is its own label
    }
    assert {name: METHODS[name] for name in labels} == labels


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
