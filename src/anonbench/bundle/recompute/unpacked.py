"""An unpacked bundle: where its files are, and where they are made again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from anonbench.bundle.agreement import Agreement, of_csv, of_values
from anonbench.bundle.contents import PUBLISHED, START, scenario_names
from anonbench.config import Config
from anonbench.config.experiment import Experiment
from anonbench.core.io import read_json, write_csv


@dataclass(frozen=True)
class Bundle:
    """An unpacked bundle, and a folder for what is made again."""

    folder: Path
    config: Config
    scratch: Path

    @cached_property
    def experiment(self) -> Experiment:
        """What the config asks for."""
        return Experiment(self.config)

    def carried(self, path: str) -> Path:
        """Return where a file is: published if it is made again from others, else to start from."""
        published = self.folder / PUBLISHED / path
        return published if published.exists() else self.folder / START / path

    def published(self, path: str) -> Path:
        """Return where a file is that the run had made."""
        return self.folder / PUBLISHED / path

    def again(self, path: str) -> Path:
        """Return where a file is made again."""
        place = self.scratch / path
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def scenarios(self, name: str, *suffixes: str) -> list[str]:
        """Return the scenarios of a data set whose files are in the bundle, all of these kinds."""
        return [
            scenario
            for scenario in scenario_names(self.experiment, name)
            if all(self.carried(f"{name}/{s.format(scenario)}").is_file() for s in suffixes)
        ]


def of_json(
    part: str, bundle: Bundle, path: str, again: Path, keys: tuple[str, ...] | None = None
) -> Agreement:
    """Compare a JSON file with the one made again, all keys or some; versions may differ."""
    values = read_json(again)
    values = {key: values[key] for key in keys or values if key != "versions"}
    return of_values(part, path, read_json(bundle.carried(path)), values)


def of_table(part: str, bundle: Bundle, path: str, table: pd.DataFrame) -> Agreement:
    """Compare a table that was published with the one made again, which is kept for others."""
    again = bundle.again(path)
    write_csv(table, again)
    return of_csv(part, path, bundle.published(path), again)
