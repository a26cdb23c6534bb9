"""Texts in one language, from its catalogue."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from functools import reduce
from importlib import resources
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from anonbench.core.errors import InputError
from anonbench.core.registries.method_names import label_of
from anonbench.reporting.labels import METHODS

FOLDER = "texts"
"""Folder of the catalogues in the package `anonbench.reporting`, one file per language."""


class Texts:
    """Texts and number formats of one language."""

    def __init__(self, language: str = "en") -> None:
        """Read the catalogue of a language.

        Raises:
            InputError: there is no catalogue of this language.
        """
        file = resources.files("anonbench.reporting").joinpath(FOLDER, f"{language}.yaml")
        if not file.is_file():
            raise InputError(f"presentation.language: there are no texts in {language!r}")
        self._texts: Mapping[str, Any] = yaml.safe_load(file.read_text("utf-8"))
        self._jinja = Environment(autoescape=True, undefined=StrictUndefined)
        self.language = language

    def __call__(self, key: str, **values: Any) -> Markup:
        """Text of a key with dots, with its values filled in; values are escaped.

        Raises:
            KeyError: there is no such text.
        """
        return Markup(self._jinja.from_string(str(self.raw(key))).render(**values))

    def raw(self, key: str) -> Any:
        """Template of a text, or those of all names below a key."""
        return reduce(operator.getitem, key.split("."), self._texts)

    def has(self, key: str) -> bool:
        """Whether there is a text."""
        try:
            return self.raw(key) is not None
        except (KeyError, TypeError):
            return False

    def first(self, *keys: str, **values: Any) -> Markup:
        """First existing text among several keys."""
        return self(next(key for key in keys if self.has(key)), **values)

    def named(self, key: str, name: str) -> str:
        """Text of a name below a key, or the name itself if there is none."""
        whole = f"{key}.{name}"
        return str(self(whole)) if self.has(whole) else name.replace("_", " ")

    def method(self, name: str) -> str:
        """Name of a method, in English if the catalogue does not name it."""
        return label_of(name, METHODS | self._texts.get("methods", {}))

    def number(self, value: float, digits: int = 0) -> str:
        """Format a number for the language."""
        text = f"{value:z,.{digits}f}".replace("-", "−")
        marks = {",": self._texts["thousands"], ".": self._texts["decimal"]}
        return "".join(marks.get(character, character) for character in text)

    def confidence(self, share: float) -> str:
        """Format a confidence in percent, not rounded: 99.5 % is not 100 %."""
        return f"{100 * share:g}".replace(".", self._texts["decimal"])

    def percent(self, share: float) -> str:
        """Format a share in percent, with one decimal below 10 %."""
        value = 100 * share
        return self.number(value, 0 if value == 0 or abs(value) >= 9.95 else 1)
