"""Pages of docs/reference that are written from code: methods, settings, commands, Python.

`make docs` writes them; a test says when they are stale.
"""

from __future__ import annotations

from pathlib import Path

import commands_page
import methods_page
import python_page
import settings_page

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs/reference"


def pages() -> dict[Path, str]:
    """Text of each page."""
    return {
        FOLDER / "methods.md": methods_page.page(),
        FOLDER / "settings.md": settings_page.page(common=True),
        FOLDER / "settings-expert.md": settings_page.page(common=False),
        FOLDER / "command-line.md": commands_page.page(),
        FOLDER / "python.md": python_page.page(),
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
