"""What figures and the explorer show, with and without originals."""

from __future__ import annotations

from anonbench.config import load
from anonbench.config.experiment import Experiment
from anonbench.workflow.paths.targets import Shown


def chosen(show_originals: bool = False) -> Shown:
    data = {"layout": "folder", "path": "x", "detectors": ["zxing"], "adaptions": ["A"]}
    data |= {"methods": ["blur", "mask"], "degrees": [50, 100]}
    presentation = {"show_originals": show_originals}
    config = {"datasets": {"mine": data}, "control_seeds": [7, 8], "presentation": presentation}
    return Shown(Experiment(load(config)))


def test_without_originals_examples_are_those_that_hide_most() -> None:
    assert chosen().examples("mine") == ["blur-100", "mask-100"]
    assert chosen(True).examples("mine") == [
        *("original", "blur-50", "mask-50", "blur-100", "mask-100")
    ]


def test_attention_is_drawn_on_originals_only_where_they_may_be_seen() -> None:
    assert chosen().attention("mine") == ["blur-100"]
    assert chosen(True).attention("mine") == chosen().attended("mine") == ["original", "blur-100"]
    assert "original" not in chosen().explored_pictures("mine")
    assert "original" in chosen(True).explored_pictures("mine")


def test_the_explorer_compares_the_reference_seed_and_one_control() -> None:
    one = chosen()
    found = one.explored("mine")
    names = [name for name, _ in one.explored_names("mine")]
    assert set(names) == {"unadapted", "A", "control", "pixels", "untrained"}
    controls = [s for s, name in zip(found, names, strict=True) if name == "control"]
    assert {scenario.seed for scenario in controls} == {7}
    assert str(controls[0].variant) == "original"
    assert not any(str(s.variant) == "original" for s in found if s.seed == 0)
