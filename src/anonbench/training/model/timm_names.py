"""Names of timm's vision transformers, read from its source: an import takes seconds."""

from __future__ import annotations

import difflib
import importlib.util
import re
from functools import cache
from pathlib import Path

from anonbench.core.errors import InputError

_FILES = ("vision_transformer.py", "deit.py", "vision_transformer_hybrid.py")
"""Modules of timm whose models are plain ViTs."""
_MODEL = re.compile(
    r"^@register_model\ndef (\w+)\(.*?(?=^@register_model|^register_model_deprecations|\Z)",
    re.MULTILINE | re.DOTALL,
)
_RENAMED = re.compile(
    r"^register_model_deprecations\(__name__, \{(.*?)^\}\)", re.MULTILINE | re.DOTALL
)
_PAIR = re.compile(r"'(\w+)':\s*'([\w.]+)'")
_OTHER = ("class_token=False", "block_fn=")
"""What a model's source says where it has no class token, or other blocks."""
_NEAR = 3


def require_name(name: str, field: str) -> None:
    """Check that timm has a plain ViT with a class token by this name, and its tag if it has one.

    Nothing is checked where timm's source is not there to be read; a training checks the model
    that it gets in any case.

    Raises:
        InputError: there is none; says which names are like it.

    """
    known, tags = _names()
    if not known:
        return
    model, _, tag = name.partition(".")
    if model not in known:
        raise InputError(
            f"{field}: timm has no ViT with a class token that is called {model!r}"
            f"{_near(model, known)}"
        )
    same = {each for each in tags if each.startswith(f"{model}.")}
    if tag and same and name not in same:  # of some models the tags are put together by code
        raise InputError(f"{field}: timm has no weights {name!r}{_near(name, same)}")


def _near(name: str, names: frozenset[str] | set[str]) -> str:
    near = difflib.get_close_matches(name, sorted(names), _NEAR)
    return f"; near it: {', '.join(near)}" if near else ""


@cache
def _names() -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of models, and of weights (`model.tag`)."""
    found = importlib.util.find_spec("timm")
    folders = list(found.submodule_search_locations or []) if found else []
    files = [Path(folder, "models", name) for folder in folders for name in _FILES]
    models: set[str] = set()
    tags: set[str] = set()
    for text in (file.read_text(encoding="utf-8") for file in files if file.is_file()):
        tags |= set(re.findall(r"['\"](\w+\.\w+)['\"]", text))
        models |= {
            model[1]
            for model in _MODEL.finditer(text)
            if not any(word in model[0] for word in _OTHER)
        }
        for renamed in _RENAMED.finditer(text):
            for old, new in _PAIR.findall(renamed[1]):
                model, _, tag = new.partition(".")
                if model in models and (not tag or text.count(f"'{new}'") > 1):
                    models.add(old)
    return frozenset(models), frozenset(tags)
