"""HTML page around the report's content: templates, styles, scripts; no outside requests."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from anonbench.reporting.html.pictures import captions, heading
from anonbench.reporting.html.texts import FOLDER, Texts

SCRIPTS = ("pages.js", "tables.js", "chooser.js", "explorer.js")


def render(texts: Texts, **content: Any) -> str:
    """Render the whole page.

    Its content security policy allows only the embedded scripts and styles, by their digests, and
    embedded pictures. Everything else, above all network access, is blocked.

    Args:
        texts: texts of the language.
        content: variables of `page.html.j2`.
    """
    style = resource("style.css")
    scripts = [resource(name) for name in SCRIPTS]
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"style-src {digest(style)}; script-src {' '.join(digest(text) for text in scripts)}"
    )
    content |= {"style": Markup(style), "scripts": map(Markup, scripts), "policy": policy}
    content |= {"t": texts, "heading": heading, "captions": captions(content["system"])}
    return environment().get_template("page.html.j2").render(**content)


def digest(text: str) -> str:
    """Digest of an inline style or script as a source expression for the security policy."""
    value = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return f"'sha256-{value}'"


def embedded(value: Any) -> Markup:
    """Encode plain data as JSON that is safe inside a script element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def sentences(text: str) -> list[str]:
    """Split a text into sentences: each ends with a full stop, or a mark, before a space."""
    return [part for part in re.split(r"(?<=[.!?])\s+", text.strip()) if part]


def opening(text: str) -> tuple[str, str]:
    """Split a text into its first two sentences and the rest."""
    parts = sentences(text)
    return " ".join(parts[:2]), " ".join(parts[2:])


def resource(name: str) -> str:
    """Read a template, style or script of this package."""
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def resources_digest() -> str:
    """Digest of all templates, styles and scripts of this package."""
    package = resources.files(__package__)
    texts = resources.files("anonbench.reporting").joinpath(FOLDER)
    files = [file for folder in (package, texts) for file in folder.iterdir() if file.is_file()]
    whole = hashlib.sha256()
    for file in sorted(files, key=lambda file: file.name):
        if not file.name.endswith((".py", ".pyc")):
            whole.update(f"{file.name}\0{file.read_text('utf-8')}\0".encode())
    return whole.hexdigest()


def _unbroken(text: str) -> str:
    """Replace the spaces before % and around = by no-break spaces; markup stays markup."""
    return type(text)(re.sub(r" (?=[%=])|(?<==) ", "\u00a0", text))


def environment(**filters: Any) -> Environment:
    """Jinja environment of this package's templates, with additional filters."""
    made = Environment(
        loader=FunctionLoader(resource),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {"unbroken": _unbroken, "opening": opening, "embedded": embedded}
    made.filters |= {"number": lambda value: f"{value:,}"} | filters
    return made
