"""The pipeline's diagram: which stages, which arrows, and where they stand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from synthetic_results import outputs

from anonbench.reporting.figures import pipeline as figure_module
from anonbench.reporting.figures.pipeline import job_for, pipeline_figure
from anonbench.reporting.figures.style import TWO_COLUMNS
from anonbench.reporting.pipeline import Job, Pipeline, Step, essential, layers, pipeline, trace

RULES = [
    ("manifest", "a_demo", "demo", []),
    ("manifest", "b_demo", "demo", []),
    ("manifest", "manifest", "manifest", ["dataset"]),
    ("train", "train_unadapted", "train", ["dataset", "seed"]),
    ("train", "train_adapted", "train", ["adaption", "anonymized", "dataset", "seed"]),
    ("quality", "quality", "quality", ["dataset"]),
    ("quality", "unused", "unused", []),
    ("score", "retrieve", "retrieve", ["dataset", "shard"]),
    ("present", "report", "report", []),
]
READS = {
    "report": ["quality", "retrieve", "manifest"],
    "retrieve": ["train_adapted", "train_unadapted"],
    "train_adapted": ["manifest"],
    "train_unadapted": ["manifest"],
    "quality": ["manifest", "a_demo"],
    "manifest": ["a_demo", "b_demo"],
    "a_demo": [],
    "b_demo": [],
}


def test_one_job_of_each_rule_and_data_set_is_followed() -> None:
    files = {
        "out": [f"{name}/{shard}" for name in "ab" for shard in range(50)],
        "a": ["a.manifest"],
        "b": ["b.manifest", "b.boxes"],
    }
    asked: list[Job] = []

    def producer(path: str) -> Job | None:
        if path.endswith(".boxes"):
            return None  # the user's own
        if path.endswith(".manifest"):
            return "manifest", {"dataset": path[0]}
        if path == "out":
            return "report", {}
        name, _, shard = path.partition("/")
        return ("own" if name == "b" else "detect"), {"dataset": name, "shard": shard}

    def inputs(job: Job) -> list[str]:
        asked.append(job)
        rule, wildcards = job
        if rule == "report":
            return files["out"]
        return [] if rule == "manifest" else files[wildcards["dataset"]]

    assert trace(["out"], producer, inputs, "dataset") == {
        "report": ["detect", "own"],
        "detect": ["manifest"],
        "own": ["manifest"],
        "manifest": [],
    }
    assert len(asked) == 1 + 2 + 2  # not a hundred


def test_rules_are_grouped_by_their_file_and_script() -> None:
    found = pipeline(RULES, READS)
    assert list(found.steps) == ["manifest", "train", "quality", "score", "present"]
    assert found.steps["manifest"] == [
        Step("manifest", "demo", (), 2),
        Step("manifest", "manifest", ("dataset",)),
    ]
    assert [step.name for step in found.steps["train"]] == ["train_unadapted", "train_adapted"]
    assert [step.name for step in found.steps["quality"]] == ["quality"]
    assert found.arrows == [
        ("manifest", "present"),
        ("manifest", "quality"),
        ("manifest", "train"),
        ("quality", "present"),
        ("score", "present"),
        ("train", "score"),
    ]
    assert ("manifest", "present") not in essential(found.arrows)
    assert len(essential(found.arrows)) == 5
    assert layers(list(found.steps), found.arrows) == [
        ["manifest"],
        ["train", "quality"],
        ["score"],
        ["present"],
    ]


def test_what_a_job_is_for() -> None:
    assert job_for(Step("s", "n", ())) == "once"
    assert job_for(Step("s", "n", (), 3)) == "3 jobs"
    names = ("anonymized", "dataset", "seed", "shard", "split", "unheard")
    assert job_for(Step("s", "n", names)) == "per data set, split, variant, seed, shard, unheard"


nodes = st.integers(0, 6)


@given(st.sets(st.tuples(nodes, nodes).filter(lambda pair: pair[0] < pair[1])))
def test_left_out_arrows_are_those_of_longer_ways(pairs: set[tuple[int, int]]) -> None:
    def reach(edges: set[tuple[int, int]]) -> np.ndarray:
        matrix = np.zeros((7, 7), dtype=bool)
        for a, b in edges:
            matrix[a, b] = True
        for middle in range(7):
            matrix |= np.outer(matrix[:, middle], matrix[middle])
        return matrix

    kept = {(int(a), int(b)) for a, b in essential((str(a), str(b)) for a, b in pairs)}
    assert kept <= pairs
    assert np.array_equal(reach(kept), reach(pairs))
    for arrow in kept:  # none can be spared
        assert not np.array_equal(reach(kept - {arrow}), reach(pairs))
    names = [str(node) for node in range(7)]
    depth = {
        name: level
        for level, layer in enumerate(layers(names, [(str(a), str(b)) for a, b in pairs]))
        for name in layer
    }
    assert set(depth) == set(names)
    assert all(depth[str(a)] < depth[str(b)] for a, b in pairs)


def test_circles_are_kept_and_end() -> None:
    arrows = [("a", "b"), ("b", "c"), ("c", "b"), ("a", "c")]
    assert set(essential(arrows)) >= {("b", "c"), ("c", "b")}
    assert layers(["a", "b", "c"], arrows) == [["a"], ["b"], ["c"]]


def boxes_of(figure: Figure) -> list[tuple[float, float, float, float]]:
    patches = [p for p in figure.axes[0].patches if isinstance(p, FancyBboxPatch)]
    return [(p.get_x(), p.get_y(), p.get_width(), p.get_height()) for p in patches]


def test_stages_are_boxes_with_their_rules_and_arrows(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(figure_module, "save", lambda figure, *_: drawn.append(figure))
    pipeline_figure(pipeline(RULES, READS), [])
    (figure,) = drawn
    texts = [text.get_text() for text in figure.axes[0].texts]
    wanted = ["List the images", "Train", "train_adapted", "2 jobs", "once"]
    for text in [*wanted, "per data set, adaption, variant, seed"]:
        assert texts.count(text) == 1, text
    boxes = boxes_of(figure)
    assert len(boxes) == 5
    width, height = figure.get_size_inches()
    assert width == pytest.approx(TWO_COLUMNS)
    for number, (x, y, w, h) in enumerate(boxes):
        assert x >= 0 and y >= 0 and x + w <= width and y + h <= height
        for other in boxes[:number]:
            assert x + w <= other[0] or other[0] + other[2] <= x or y >= other[1] + other[3]
    arrows = [p for p in figure.axes[0].patches if isinstance(p, FancyArrowPatch)]
    assert len(arrows) == 5
    for arrow in arrows:
        assert arrow.get_zorder() < 3  # behind the boxes
        ends = arrow._posA_posB
        assert ends[1][1] > ends[0][1]  # downwards
        for x, y in ends:  # on the edge of a box
            assert any(
                bx - 1e-6 <= x <= bx + w + 1e-6 and by - 1e-6 <= y <= by + h + 1e-6
                for bx, by, w, h in boxes
            )


def test_files_are_the_same_each_time(tmp_path: Path) -> None:
    first, second = outputs(tmp_path, "a"), outputs(tmp_path, "b")
    for paths in (first, second):
        pipeline_figure(pipeline(RULES, READS), paths)
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    assert isinstance(pipeline(RULES, READS), Pipeline)
    assert "<text" not in first[1].read_text()
