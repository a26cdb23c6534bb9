"""Tables made again from scores that were made again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from anonbench.bundle.agreement import Agreement, joined, of_csv, of_text
from anonbench.bundle.recompute.unpacked import Bundle
from anonbench.config.outputs import TABLE_SUFFIXES, Table


def tables(bundle: Bundle) -> Iterator[Agreement]:
    """Every table, as CSV, Markdown and LaTeX, from the scores that were made again."""
    for stem, write in _writers(bundle).items():
        paths = [f"tables/{stem}.{suffix}" for suffix in TABLE_SUFFIXES]
        if not all(bundle.published(path).is_file() for path in paths):
            continue
        again = [bundle.again(path) for path in paths]
        try:
            write(*again)
        except FileNotFoundError as error:
            missing = Path(str(error.filename)).name
            differences = (f"tables/{stem}: cannot be made again without {missing}",)
            yield Agreement("tables", stem, 1, 0, 0, differences)
            continue
        parts = [of_csv("tables", paths[0], bundle.published(paths[0]), again[0])]
        for path, made in list(zip(paths, again, strict=True))[1:]:
            parts.append(of_text("tables", path, bundle.published(path), made))
        yield joined("tables", stem, parts)


def _writers(bundle: Bundle) -> dict[str, Callable[[Path, Path, Path], None]]:
    from anonbench.reporting.dataset_tables import write_dataset_table
    from anonbench.reporting.grids.tables import write_sizes
    from anonbench.reporting.paper.scenario_tables import (
        profiles,
        scenario_grid,
        scenario_rows,
        write_profiles,
        write_scenarios,
    )

    experiment = bundle.experiment
    counts = {name: bundle.carried(f"{name}/counts.csv") for name in experiment.datasets}
    writers: dict[str, Callable[[Path, Path, Path], None]] = {
        "sizes": lambda *to: write_sizes(counts, *to),
        "experiment": lambda *to: write_profiles(profiles(bundle.config), counts, *to),
    }
    for name in experiment.datasets:
        writers[f"scenarios_{name}"] = lambda *to, of=name: write_scenarios(
            scenario_rows(experiment, of), scenario_grid(experiment, of), *to
        )
        files = {
            "scores": bundle.again(f"{name}/scores.csv"),
            "comparisons": bundle.again(f"{name}/comparisons.csv"),
            "rates": bundle.carried(f"{name}/privacy/reidentification.csv"),
            "attacks": bundle.carried(f"{name}/privacy/attacks.csv"),
            "variance": bundle.again(f"{name}/variance.csv"),
            "trainings": bundle.carried(f"{name}/trainings.csv"),
            "deployments": bundle.carried(f"{name}/deployments.csv"),
            "maps": bundle.carried(f"{name}/maps.csv"),
            "policy": bundle.carried(f"{name}/policy.csv"),
        }
        for each in experiment.tables_of(name):
            writers[f"{each}_{name}"] = partial(
                write_dataset_table, each, name, files, bundle.config.presentation
            )
    for table in experiment.tables:
        writers[table.stem] = partial(_write_table, bundle, table)
    return writers


def _write_table(bundle: Bundle, table: Table, csv: Path, markdown: Path, latex: Path) -> None:
    from anonbench.evaluation.comparisons.pairwise import read_comparisons
    from anonbench.reporting.grids.tables import write_table
    from anonbench.reporting.summary import read_scores

    write_table(
        table,
        read_scores(bundle.again(f"{table.dataset}/scores.csv")),
        csv,
        markdown,
        latex,
        comparisons=read_comparisons(bundle.again(f"{table.dataset}/comparisons.csv")),
        confidence=bundle.config.presentation.confidence,
    )
