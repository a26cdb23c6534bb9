"""Strengths of methods on pixels: hidden by their own parameters, and audited by them."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from anonbench.anonymization.apply import layers
from anonbench.anonymization.audit import Failure
from anonbench.anonymization.audit.pixels import check_layers
from anonbench.anonymization.audit.regions import read_regions
from anonbench.anonymization.checked import anonymize
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, box_table
from anonbench.core.vocabulary import Variant
from anonbench.evaluation.privacy.attacks.kinds.reconstruction import undone

REGIONS = [Region("face", 6.0, 4.0, 54.0, 58.0, 1.0)]
(AUDITED,) = read_regions(box_table({"a": REGIONS}, 0)).values()
IMAGE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
OWN: dict[str, Any] = {
    "pixelate": {"blocks": {"face": 3}},
    "blur": {"sigma": {"face": 0.3}},
    "mask": {"colour": [255, 255, 255]},
    "swirl": {"turns": 0.6},
}
SETTINGS = Anonymization.model_validate(
    {
        "strengths": {method: {"other": own} for method, own in OWN.items()}
        | {"layers": {"both": {"methods": ["pixelate_other", "blur"]}}}
    }
)


@pytest.mark.parametrize("method", OWN)
def test_a_strength_hides_as_its_method_with_its_parameters(method: str) -> None:
    found = anonymize(IMAGE, REGIONS, Variant(f"{method}_other", 100), SETTINGS)
    asked = Anonymization.model_validate({method: OWN[method]})
    assert np.array_equal(found, anonymize(IMAGE, REGIONS, Variant(method, 100), asked))
    plain = anonymize(IMAGE, REGIONS, Variant(method, 100), SETTINGS)
    assert np.array_equal(plain, anonymize(IMAGE, REGIONS, Variant(method, 100)))
    assert not np.array_equal(found, plain)


@pytest.mark.parametrize("method", OWN)
def test_the_audit_holds_each_image_against_its_own_strength(method: str) -> None:
    variants = [Variant(method, 100), Variant(f"{method}_other", 100)]
    for made, asked in product(variants, repeat=2):
        hidden = anonymize(IMAGE, REGIONS, made, SETTINGS)
        if made == asked:
            found = check_layers(IMAGE, hidden, AUDITED, asked, SETTINGS)
            assert found["hidden_pixels"] == 48 * 54
        else:
            with pytest.raises(Failure):
                check_layers(IMAGE, hidden, AUDITED, asked, SETTINGS)


def test_layers_of_strengths_are_hidden_and_audited_one_by_one() -> None:
    variant = Variant("layers_both", 100)
    first, last = layers(IMAGE, REGIONS, variant, SETTINGS)
    coarse = anonymize(IMAGE, REGIONS, Variant("pixelate_other", 100), SETTINGS)
    assert np.array_equal(first, coarse)
    assert check_layers(IMAGE, last, AUDITED, variant, SETTINGS, [first])["regions"] == 1
    with pytest.raises(Failure):
        plain = anonymize(IMAGE, REGIONS, Variant("pixelate", 100), SETTINGS)
        check_layers(IMAGE, last, AUDITED, variant, SETTINGS, [plain])


def test_an_attacker_undoes_the_strength_that_was_applied() -> None:
    smooth = np.asarray(np.add.outer(np.arange(64.0), np.arange(64.0)) + 60, np.uint8)
    whole = [Region("face", 0.0, 0.0, 64.0, 64.0, 1.0)]
    variant = Variant("blur_other", 100)
    hidden = anonymize(smooth, whole, variant, SETTINGS)

    def error(undoing: Variant) -> float:
        (restored,) = undone(hidden, whole[0], undoing, SETTINGS)
        return float(np.abs(restored.astype(float) - smooth).mean())

    assert error(variant) < error(Variant("blur", 100))
    (as_it_is,) = undone(hidden, whole[0], Variant("given_deface", 100), SETTINGS)
    assert np.array_equal(as_it_is, hidden)


def test_strengths_of_one_method_stay_apart_by_entity() -> None:
    """Two kinds of regions, hidden by the same method at different strengths, in either order."""
    strengths = {"pixelate": {"fine": {"blocks": {"face": 9, "text": 9}}}}
    for face, text in (("pixelate_fine", "pixelate"), ("pixelate", "pixelate_fine")):
        settings = Anonymization.model_validate(
            {"strengths": strengths, "by_entity": {"face": face, "text": text}}
        )
        regions = [
            Region("face", 2.0, 2.0, 40.0, 40.0, 1.0),
            Region("text", 30.0, 30.0, 60.0, 60.0, 1.0),
        ]
        (audited,) = read_regions(box_table({"a": regions}, 0)).values()
        ordered = [next(r for r in regions if r.entity == each.entity) for each in audited]
        made = layers(IMAGE, ordered, Variant("by_entity", 100), settings)
        asked = Variant("by_entity", 100), settings
        assert check_layers(IMAGE, made[-1], audited, *asked, made[:-1])["regions"] == 2
        only = anonymize(IMAGE, [regions[0]], Variant(face, 100), settings)
        assert np.array_equal(made[-1][2:28, 2:28], only[2:28, 2:28])
