"""A notebook as a Markdown page: its texts, its code, and what it printed and drew."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any


def page(path: Path) -> tuple[str, dict[str, bytes]]:
    """Return the page's text, and its pictures by their names."""
    pictures: dict[str, bytes] = {}
    parts: list[str] = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        text = _text(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(text)
            continue
        parts.append(f"```python\n{text}\n```")
        for output in cell["outputs"]:
            data: dict[str, Any] = output.get("data", {})
            if "image/png" in data:
                name = f"{path.stem}-{len(pictures) + 1}.png"
                pictures[name] = base64.b64decode(_text(data["image/png"]))
                parts.append(f"![What the cell above draws]({name})")
            elif shown := _text(output.get("text", data.get("text/plain", ""))):
                parts.append(f"```text\n{shown.rstrip()}\n```")
    return "\n\n".join(parts) + "\n", pictures


def _text(lines: str | list[str]) -> str:
    return lines if isinstance(lines, str) else "".join(lines)
