"""Base of every section of the config, and the types of its values."""

import re
import textwrap
from collections.abc import Iterator, Mapping
from itertools import pairwise
from numbers import Integral, Real
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from anonbench.core.errors import InputError
from anonbench.core.wording import suggestion

NAME = r"^[a-z][a-z0-9_]*$"
FUNCTION = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"
_SPELLINGS = {
    NAME: "write it in lower-case letters, digits and _, with a letter first",
    FUNCTION: "write it as module:function, such as search:encode",
}
_WORDS = {
    "Value error, ": "",
    "Field required": "is missing",
    "Extra inputs are not permitted": "is unknown",
    "Input tag": "kind",
    "found using 'kind' does not match any of the expected tags:": "is none of",
    "Input should": "should",
    "Tuple should": "should",
    "Dictionary should": "should",
    "a valid tuple": "a valid list",
    "a valid dictionary": "a mapping (`key: value`)",
    "Input is not a valid path for <class 'pathlib.Path'>": "should be a path",
    " after validation": "",
}


def fault(error: Mapping[str, Any]) -> str:
    """What pydantic says of a value, in the words of a config, with the name that may be meant."""
    said, of = str(error["msg"]), error.get("ctx", {})
    for theirs, ours in _WORDS.items():
        said = said.replace(theirs, ours)
    said = re.sub(r" or instance of \w+", "", said)
    names = re.findall("'([^']+)'", str(of.get("expected", of.get("expected_tags", ""))))
    near = suggestion(of.get("tag", error["input"]), names)
    return _SPELLINGS.get(of.get("pattern")) or f"{said}{near}"


Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Natural = Annotated[int, Field(ge=0, le=2**31 - 1)]
Count = Annotated[int, Field(ge=1, le=2**31 - 1)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Resamples = Annotated[int, Field(ge=1, le=1_000_000)]
Share = Annotated[float, Field(gt=0.0, lt=1.0)]
Confidence = Annotated[float, Field(gt=0.0, le=0.999_999)]
Range = tuple[Fraction, Fraction]

_LONGEST_NAME, _LONGEST_PATH = 255, 4095


def _nameable(path: Path) -> Path:
    text = str(path)
    if not text.strip() or any(letter in text for letter in "\0\n\r"):
        raise ValueError("is no path")
    if any(len(part.encode()) > _LONGEST_NAME for part in path.parts):
        raise ValueError(f"is no path: a name in it is longer than {_LONGEST_NAME} bytes")
    if len(text.encode()) > _LONGEST_PATH:
        raise ValueError(f"is no path: it is longer than {_LONGEST_PATH} bytes")
    return path


Place = Annotated[Path, AfterValidator(_nameable)]


def documentation(section: type[BaseModel]) -> dict[str, str]:
    """Docstring under each field of a section, or comment behind it, by the field's name.

    pydantic's `use_attribute_docstrings` reads all sources at import, which delays every command.
    """
    import ast
    import inspect

    found: dict[str, str] = {}
    for each in reversed(section.__mro__):
        if not issubclass(each, Settings):
            continue
        try:
            source = textwrap.dedent(inspect.getsource(each))
        except OSError:  # made by `create_model`
            continue
        (tree,), lines = ast.parse(source).body, source.splitlines()
        assert isinstance(tree, ast.ClassDef)
        for field, text in pairwise([*tree.body, ast.Pass()]):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                line = lines[(field.end_lineno or 1) - 1].encode()  # columns count bytes
                said = line[field.end_col_offset :].decode().partition("# ")[2]
                if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                    said = inspect.cleandoc(str(text.value.value))
                if said:
                    found[field.target.id] = said
    return found


def _described(schema: dict[str, Any], section: type[BaseModel]) -> None:
    said = documentation(section)
    for name, field in section.model_fields.items():
        if name in said:
            schema["properties"][field.alias or name].setdefault("description", said[name])


class Settings(BaseModel):
    """One section of the config: unknown keys are refused, values never change once read.

    The string under a field, or a comment behind a short one, is its documentation: it goes into
    the schema and into config/defaults.yaml.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        defer_build=True,  # a command reads few of the sections
        validate_default=True,
        allow_inf_nan=False,
        json_schema_extra=_described,
    )

    @model_validator(mode="before")
    @classmethod
    def _switches_are_no_numbers(cls, given: Any) -> Any:
        """Refuse `yes` and `on` where a number is expected: they would count as 1."""
        for name, field in cls.model_fields.items() if isinstance(given, Mapping) else ():
            value = given.get(name)
            values = value if isinstance(value, list | tuple) else [value]
            if field.annotation is not bool and any(isinstance(each, bool) for each in values):
                raise ValueError(f"{name} is true or false (yes, no, on, off), which it cannot be")
        return given

    def _contradictions(self) -> Iterator[str]:
        """Yield what is wrong with values that are right each by itself, and what to do."""
        yield from ()

    @model_validator(mode="after")
    def _values_agree(self) -> Self:
        if wrong := next(self._contradictions(), None):
            raise ValueError(wrong)
        return self

    WITHOUT_EFFECT: ClassVar[frozenset[str]] = frozenset()
    """Fields that no result depends on, such as the number of loader processes."""

    def effective(self) -> dict[str, Any]:
        """Return the settings that results depend on, as plain data."""
        return self.model_dump(mode="json", exclude=set(self.WITHOUT_EFFECT))

    def completing(self, effective: dict[str, Any]) -> Self:
        """Return the settings described by `effective`, with the other fields taken from these."""
        rest = self.model_dump(mode="json", include=set(self.WITHOUT_EFFECT))
        return type(self).model_validate(effective | rest)


def merged(base: Any, own: Any) -> Any:
    """Merge plain values of `own` over those of `base`, section by section."""
    base = base.model_dump() if isinstance(base, BaseModel) else base
    if not isinstance(base, Mapping) or not isinstance(own, Mapping):
        return own
    return {**base, **{name: merged(base.get(name), value) for name, value in own.items()}}


S = TypeVar("S", bound=Settings)


def section(name: str, given: S | None, default: S) -> S:
    """Section that a function was given as an argument, or the default one; InputError if wrong."""
    if given is None:
        return default
    if not isinstance(given, type(default)):
        raise InputError(
            f"{name}: {type(given).__name__} is no section of the config; give "
            f"anonbench.config.{type(default).__name__}(...)"
        )
    return given


def require_value(name: str, given: Any, kind: Any) -> None:
    """Refuse an argument that a setting of this type could not have."""
    plain = given
    if isinstance(given, Real) and not isinstance(given, bool):  # NumPy's, too
        plain = int(given) if isinstance(given, Integral) else float(given)
    try:
        TypeAdapter(kind).validate_python(plain, strict=True)
    except ValidationError as error:
        why = fault(error.errors(include_url=False)[0])
        raise InputError(f"{name}: {given!r} cannot be used, it {why}") from None
