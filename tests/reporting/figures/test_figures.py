"""Figures: trends, examples and the privacy-utility front, with the same bytes each time."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image
from synthetic_results import FakeImages, make_correlations, make_log, make_scores, outputs

from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Method, Variant
from anonbench.evaluation.correlation import METRICS, read_correlations
from anonbench.evaluation.privacy.rates import worst
from anonbench.reporting.figures import trends
from anonbench.reporting.figures.examples import examples
from anonbench.reporting.figures.learning import chance_levels, learning_curves
from anonbench.reporting.figures.style import ONE_COLUMN, blank, new_figure, save, styled
from anonbench.reporting.labels import METHODS, method_colour
from anonbench.reporting.shown_images import choose
from synthetic_rates import make_rates

Draw = Callable[[Sequence[Path]], None]


def variants(degrees: tuple[int, ...], original: bool = False) -> dict[Variant, FakeImages]:
    names = [Variant(method, degree) for degree in degrees for method in Method]
    return {name: FakeImages(name) for name in [*names, *([Variant()] if original else [])]}


def check(paths: Sequence[Path]) -> None:
    """Check that a PNG and an SVG were written, are not blank and carry no metadata."""
    with Image.open(paths[0]) as image:
        assert image.width <= 1100 and image.height <= 1420
        assert np.ptp(np.asarray(image.convert("L"))) > 50
        assert set(image.info) <= {"dpi"}
    text = paths[1].read_text()
    ElementTree.fromstring(text.encode())
    assert "dc:date" not in text and "<text" not in text and "font-family" not in text


@pytest.mark.slow
def test_every_figure_is_written_the_same_each_time(tmp_path: Path, scores: pd.DataFrame) -> None:
    correlated, logs = tmp_path / "correlation.csv", {}
    make_correlations(undefined=True).to_csv(correlated, index=False)
    for model in ("unadapted", "A-blur-50", "A-blur-100", "C-mask-100"):
        logs[model] = tmp_path / f"{model}.csv"
        make_log(model).to_csv(logs[model], index=False)
    chance, control = chance_levels(256, 0.5), make_scores("ids", control=True, seeds=(0, 1))
    drawings: dict[str, Draw] = {
        "trend": lambda out: trends.trend(scores, "documents", "map", "original", out),
        "single": lambda out: trends.trend(control, "ids", "linear", None, out),
        "nothing": lambda out: trends.trend(scores, "other", "map", "original", out),
        "correlation": lambda out: trends.correlation_heatmap(correlated, "a_$b$", out),
        "examples": lambda out: examples(variants((100,)), ["a"], False, out, dpi=100),
        "learning": lambda out: learning_curves(logs, out, chance),
        "untrained": lambda out: learning_curves({}, out, chance),
    }
    for name, draw in drawings.items():
        first, second = outputs(tmp_path, f"{name} 1"), outputs(tmp_path / "deeper", f"{name} 2")
        draw(first)
        check(first)
        draw(second[1:])  # of a PNG, see below
        assert first[1].read_bytes() == second[1].read_bytes(), name


@pytest.mark.slow
def test_figures_fit_a_phone_and_a_page(tmp_path: Path) -> None:
    text = "archive: too few regions attacked, or too few images for a ranking"
    figure = blank(text)
    assert figure.get_figwidth() <= ONE_COLUMN
    lines = figure.texts[0].get_text().splitlines()
    assert len(lines) == 2 and " ".join(lines) == text
    for shape in ((80, 360), (360, 80, 3), (480, 380)):
        sets = {v: FakeImages(v, shape) for v in variants((100,))}
        examples(sets, ["a", "b", "c"], False, outputs(tmp_path), dpi=100)
        check(outputs(tmp_path))


def test_control_has_a_panel_and_originals_no_point(tmp_path: Path, drawn: list[Figure]) -> None:
    scores = make_scores("ids", (50, 100), control=True)
    for metric, query in (("map", "original"), ("knn", None)):
        trends.trend(scores, "ids", metric, query, outputs(tmp_path))
        panels = drawn.pop().axes
        titles = [axes.get_title() for axes in panels]
        assert titles == ["Unadapted", "Unadapted\nretrained", "A", "B", "C"]
        assert {tuple(line.get_xdata()) for axes in panels for line in axes.lines} == {(50, 100)}
        assert ("by the unadapted" in panels[0].get_ylabel()) == (metric == "map")


def test_correlations_are_symmetric_and_bad_ones_refused(tmp_path: Path) -> None:
    table = make_correlations()
    values = trends.matrix(table.sample(frac=1, random_state=0)).to_numpy()
    assert values.shape == (6, 6) and (values == values.T).all() and (np.diag(values) == 1).all()
    row = table[(table["metric"] == "map_original") & (table["metric_b"] == "knn")]
    assert values[0, list(METRICS).index("knn")] == row["pearson"].iloc[0]
    table = make_correlations(undefined=True)
    assert trends.matrix(table).isna().to_numpy().sum() == 11
    assert trends.notes(table) == [
        "Pearson over n = 12 scenarios",
        "grey, undefined: linear is constant",
    ]
    assert trends.notes(make_correlations()) == ["Pearson over n = 12 scenarios"]
    every = table.assign(pearson=np.nan, n=0, reason="fewer than three rows")
    assert trends.notes(every) == ["grey, undefined: fewer than three rows"]
    every.to_csv(tmp_path / "none.csv", index=False)
    trends.correlation_heatmap(tmp_path / "none.csv", "nothing", outputs(tmp_path))
    check(outputs(tmp_path))
    path = tmp_path / "correlation.csv"
    make_correlations().drop(columns="n").to_csv(path, index=False)
    with pytest.raises(InputError, match="column 'n' is missing"):
        read_correlations(path)
    make_correlations().replace("knn", "accuracy").to_csv(path, index=False)
    with pytest.raises(InputError, match="metric 'accuracy' is unknown"):
        read_correlations(path)
    with styled(), pytest.raises(InputError, match=r"\.png or \.svg"):
        save(new_figure(1, 1), [tmp_path / "figure.gif"], 50)
    with pytest.raises(InputError, match="needs an anonymized variant"):
        examples({Variant(): FakeImages(Variant())}, ["a"], True, outputs(tmp_path))


def test_originals_are_read_only_when_asked_in_any_order(drawn: list[Figure]) -> None:
    ids = [f"{number:03}" for number in range(100)]
    assert choose(ids, 3) == choose(reversed(ids), 3)
    assert choose(ids, 2) == choose(ids, 3)[:2]
    assert choose(ids, 3) != ids[:3]
    assert choose(ids[:2], 5) == choose(ids[:2], 2)
    sets = variants((50, 100), original=True)
    examples(sets, ["a"], False, [])
    assert sets[Variant()].reads == []
    assert all(images.reads for variant, images in sets.items() if variant.method)
    examples(sets, ["a"], True, [])
    assert sets[Variant()].reads


SCORES, RATES = make_scores("documents"), make_rates("documents")


def test_the_front_has_each_choice_with_its_variants_rate() -> None:
    cost = np.array([1.0, 2.0, 3.0, 3.0, 2.0, 0.5])
    gain = np.array([1.0, 3.0, 2.0, 4.0, 3.0, 0.2])
    assert trends.undominated(cost, gain).tolist() == [True, True, False, True, True, True]
    scores = make_scores("documents", (50, 100), control=True)
    points = trends.choices(worst(make_rates("documents", (50, 100))), scores, "map")
    assert len(points) == 2 * 2 * 3 * 4  # query kinds, degrees, methods, models
    rates = points.groupby(["method", "degree"])["rate"].unique()
    assert rates.map(len).eq(1).all()
    assert rates["blur", 100][0] == pytest.approx(0.45)
    assert rates["blur", 50][0] == pytest.approx(0.675)
    for _, group in points.groupby("query"):
        least = group[group["rate"] == group["rate"].min()]
        assert least.loc[least["value"].idxmax(), "best"]
        assert group.loc[group["value"].idxmax(), "best"]


def test_variant_is_named_in_its_colour(drawn: list[Figure]) -> None:
    for degrees, highest in (((25, 50, 100), " 100 %"), ((100,), "")):
        scores = make_scores("documents", degrees)
        trends.front(make_rates("documents", degrees), scores, "documents", "map", [])
        labels = [f"{degree} %" for degree in degrees[:-1]]
        for axes, method in product(drawn[-1].axes, ("pixelate", "blur", "mask")):
            own = [t.get_text() for t in axes.texts if t.get_color() == method_colour(method)]
            assert sorted(own) == sorted([*labels, f"{METHODS[method]}{highest}"])
    # what is beaten is hollow in the same colour
    points = trends.choices(worst(RATES), SCORES, "map")
    marks = {
        (line.get_color(), round(line.get_ydata()[0], 6)): line.get_markerfacecolor()
        for line in drawn[-1].axes[0].lines
        if len(line.get_ydata()) == 1
    }
    for row in points[points["query"] == "original"].to_dict("records"):
        colour = method_colour(row["method"])
        assert marks[colour, round(100 * row["value"], 6)] == (colour if row["best"] else "white")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rates", "k"), [({"clusters": 19}, 12), ({"high": 1.0, "low": 0.0}, 12), ({}, 4)]
)
def test_nothing_is_drawn_on_too_little(tmp_path: Path, rates: dict[str, float], k: int) -> None:
    """The same picture as without an attack: it says that nothing is known."""
    empty, few = outputs(tmp_path, "empty")[:1], outputs(tmp_path, "few")[:1]
    trends.front(RATES.iloc[:0], SCORES, "documents", "map", empty)
    trends.front(RATES.assign(**rates), SCORES.assign(k=k), "documents", "map", few)
    assert few[0].read_bytes() == empty[0].read_bytes()
    if k == 4:
        trends.front(RATES, SCORES, "documents", "map", few)
        assert few[0].read_bytes() != empty[0].read_bytes()


DRAW = """
import os
import sys
from pathlib import Path
import matplotlib
import numpy as np
matplotlib.rcParams["font.size"] = 10 * int(os.environ["PYTHONHASHSEED"])  # the user's own
from anonbench.reporting.figures.style import new_figure, save, styled
from anonbench.reporting.labels import METHOD_COLOURS
with styled():
    figure = new_figure(4, 3)
    for place, colour in enumerate([*METHOD_COLOURS.values()][:3], 1):
        axes = figure.add_subplot(1, 3, place)
        axes.plot([0, 1, 2], [1, 3, 2], marker="o", color=colour)
        axes.fill_between([0, 1, 2], 0, [1, 2, 1], hatch="//", alpha=0.3)
        axes.imshow(np.arange(9).reshape(3, 3), extent=(0, 2, 0, 3))
        axes.set_xlim(0.2, 1.8)
    save(figure, [Path(sys.argv[1], f"a.{suffix}") for suffix in ("png", "svg")], 100)
"""


@pytest.mark.slow
def test_two_processes_on_two_days_write_the_same_bytes(tmp_path: Path) -> None:
    written = []
    for seed, day in (("1", "86400"), ("2", "864000000")):
        folder = tmp_path / seed
        folder.mkdir()
        environment = os.environ | {"PYTHONHASHSEED": seed, "SOURCE_DATE_EPOCH": day}
        subprocess.run([sys.executable, "-c", DRAW, str(folder)], check=True, env=environment)
        written.append([(folder / name).read_bytes() for name in ("a.png", "a.svg")])
    png, svg = written[0]
    assert written[0] == written[1] and min(len(png), len(svg)) > 2000
    assert b"clipPath id=" in svg  # ids are there, and the same for the same content
    for word in (b"dc:date", b"dc:creator", b"matplotlib.org/", b"1970", b"1997"):
        assert word not in svg, word
