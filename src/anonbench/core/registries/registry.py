"""Registries: classes by name, of anonbench and of installed packages.

A package adds a class by an entry point of the registry's group; see docs/how-to/adding.md.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import SerializerFunctionWrapHandler, create_model, model_serializer

from anonbench.core.errors import InputError
from anonbench.core.provenance import file_digest
from anonbench.core.registries.added import added
from anonbench.core.settings import Settings

_LOG = logging.getLogger(__name__)
NAME = re.compile(r"[a-z][a-z0-9_]*")


class Registered(Settings):
    """Something that can be added: parameters are fields, names are class values.

    The parameters become a section of the config under `name`, with schema and documentation. Such
    a class imports nothing of anonbench but `anonbench.core`, and nothing heavy when its module is
    imported: the config is read with it.
    """

    name: ClassVar[str]
    """In the config, in paths and in tables: lower case letters, digits and underscores."""
    label: ClassVar[str]
    """For people."""

    @classmethod
    def lacks(cls) -> str:
        """Missing parts that keep a class from being used; empty if it is complete."""
        return ""


T = TypeVar("T", bound=Registered)


class Registry(Mapping[str, type[T]], Generic[T]):
    """Classes of one kind by name, in the order of built-in ones, then of other packages' names."""

    def __init__(
        self, group: str, kind: type[T], built_in: str, *, needs_defaults: bool = True
    ) -> None:
        """Set the sources of the classes; they are imported when first needed.

        Args:
            group: of entry points, such as `anonbench.methods`.
            kind: their base class.
            built_in: `module:name` of a sequence of classes. A colon, so that code which only
                knows the names does not count as code that can reach the classes.
            needs_defaults: whether each parameter of a class needs a default.

        """
        self.group = group
        self._needs_defaults = needs_defaults
        self._kind = kind
        self._built_in = built_in

    def __getitem__(self, name: str) -> type[T]:
        return self._classes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)

    def with_sections(self, base: type[Settings], *others: Registry[Any]) -> Any:
        """Return `base` with a field for each class that has parameters, under its name.

        As plain data, sections of other packages are left out if they have their defaults: a
        package that is installed and not used changes no job's parameters, and no bundle's config.
        """
        registries = (self, *others)

        class WithSections(base):  # type: ignore[misc, valid-type]
            @model_serializer(mode="wrap")
            def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
                values: dict[str, Any] = handler(self)
                return {
                    name: value
                    for name, value in values.items()
                    if not any(
                        name in each._points and getattr(self, name) == each[name]()
                        for each in registries
                    )
                }

        fields: dict[str, Any] = {
            name: (each, each())
            for registry in registries
            for name, each in registry.items()
            if each.model_fields
        }
        return create_model(base.__name__, __base__=WithSections, **fields)

    def origin(self, name: str) -> dict[str, str]:
        """Version and source digest of another package's class; empty for a built-in one.

        Sources of anonbench are followed module by module
        (`anonbench.core.jobs.fingerprint`); of others the distribution's version and the sources of
        the class's top-level module count as a whole.
        """
        point = self._points.get(name)
        if point is None:
            return {}
        version = f"{point.dist.name} {point.dist.version}" if point.dist else ""
        return {"package": version, "sources": _sources_digest(self[name].__module__)}

    @cached_property
    def _points(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in added().get(self.group, ())}

    @cached_property
    def _classes(self) -> dict[str, type[T]]:
        module, _, name = self._built_in.partition(":")
        built_in = getattr(importlib.import_module(module), name)
        found: dict[str, type[T]] = {each.name: each for each in built_in}
        for point in added().get(self.group, ()):
            if point.name in found:
                raise InputError(f"{_place(point)}: there is another one of this name")
            try:
                found[point.name] = self._load(point)
            except InputError as error:  # whoever names it gets an error that there is none
                _LOG.warning("anonbench: %s. It is left out.", error)
        return found

    def _load(self, point: EntryPoint) -> type[T]:
        where = _place(point)
        try:
            loaded = point.load()
        except (Exception, SystemExit) as error:  # other packages' modules may raise anything
            raise InputError(
                f"{where} cannot be loaded ({_one_line(error)}); fix or remove its package"
            ) from error
        if not (isinstance(loaded, type) and issubclass(loaded, self._kind)):
            raise InputError(f"{where} is no subclass of {self._kind.__name__}")
        if getattr(loaded, "name", None) != point.name or not NAME.fullmatch(point.name):
            raise InputError(
                f"{where}: its class has to have the same `name`, of lower case letters, digits "
                "and underscores"
            )
        absent = [name for name in sorted(loaded.__class_vars__) if not hasattr(loaded, name)]
        if absent:
            raise InputError(f"{where}: its class has no value for {', '.join(absent)}")
        if lacking := loaded.lacks():
            raise InputError(f"{where}: {loaded.__name__} {lacking}")
        try:
            if self._needs_defaults:
                loaded()
        except Exception as error:  # of pydantic, or of the class's own validators
            raise InputError(
                f"{where}: its parameters need defaults that they allow ({_one_line(error)})"
            ) from error
        return loaded


def _place(point: EntryPoint) -> str:
    return f"entry point {point.name} = {point.value} of {point.group}"


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _sources_digest(module: str) -> str:
    """Return one digest of the sources of a module's top-level package."""
    top = sys.modules[module.partition(".")[0]]
    file = Path(str(top.__file__))
    files = sorted(file.parent.rglob("*.py")) if file.name == "__init__.py" else [file]
    return " ".join(file_digest(each) for each in files)


def section_of(settings: Settings, registered: type[T]) -> T:
    """Return a registered class with the parameters that settings `with_sections` hold."""
    found: T | None = vars(settings).get(registered.name)
    return _default_instance(registered) if found is None else found


@cache
def _default_instance(registered: type[T]) -> T:
    """Return the one object of a class without parameters; settings never change."""
    return registered()


def facts(registry: Mapping[str, type[Registered]], fact: str) -> dict[str, str]:
    """Return a class value of each class in a registry, such as `label`.

    Code that imports this function counts as depending on all such values
    (`anonbench.core.jobs.fingerprint`), and no other code does.
    """
    return {name: getattr(each, fact) for name, each in registry.items()}


def facts_digest(registries: Iterable[Registry[Any]]) -> str:
    """Return a digest of everything that `facts` returns of these."""
    found = {
        registry.group: {name: _texts(each) for name, each in registry.items()}
        for registry in registries
    }
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()


def _texts(registered: type[Registered]) -> dict[str, str]:
    values = {name: getattr(registered, name, None) for name in registered.__class_vars__}
    return {name: value for name, value in sorted(values.items()) if isinstance(value, str)}
