"""Settings in which every method with random numbers has a key."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anonbench.anonymization.methods import BUILT_IN
from anonbench.config import Anonymization
from anonbench.core.vocabulary import Method

KEYED = [each.name for each in BUILT_IN if "key_file" in each.model_fields]
COMBINED = ["layers", "by_entity"]
ADDED = [each.name for each in BUILT_IN if each.name not in [*Method, *COMBINED]]
"""Built-in methods that are not the paper's."""


def asked(folder: Path, key: bytes = b"0123456789abcdef" * 2, **sections: Any) -> Anonymization:
    """Return settings with sections changed, and a key in a folder."""
    file = folder / "secret.key"
    file.write_bytes(key)
    with_key: dict[str, Any] = {name: {"key_file": file} for name in KEYED}
    for name, section in sections.items():
        if isinstance(section, Mapping):
            section = with_key.get(name, {}) | dict(section)
        with_key[name] = section
    return Anonymization.model_validate(with_key)
