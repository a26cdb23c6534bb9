"""What MkDocs needs beside docs/: navigation, pages of the repository's root, and the notebook."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath
from typing import Any

import notebook_page
import settings_page
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
INDEX = ROOT / "docs/README.md"
OF_THE_ROOT = {
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing.md",
    "config/README.md": "config/examples.md",
    "config/config.yaml": "config/config.yaml",
    "config/defaults.yaml": "config/defaults.yaml",
    "config/own_data.yaml": "config/own_data.yaml",
    "config/paper.yaml": "config/paper.yaml",
}
"""Files beside docs/ that pages lead to, and where they are in the site."""
ASSETS = Path(__file__).parent / "assets"
LINK = re.compile(r"(?<=\]\()([^)\s:#]+)(?=[)#])")


def on_config(config: Any) -> Any:
    """Take the navigation from the index: a heading is a section, a list entry a page.

    Headings get the anchors that GitHub gives them.
    """
    config.mdx_configs["toc"]["slugify"] = lambda text, _: settings_page.anchor(text)
    nav: list[Any] = [{"Start": "README.md"}]
    for line in INDEX.read_text(encoding="utf-8").splitlines():
        if heading := re.fullmatch(r"## (.+)", line):
            nav.append({heading[1]: []})
        elif entry := re.match(r"- \[(.+?)\]\(([^)#:]+)\)", line):
            section = next(iter(nav[-1].values()))
            section.append({entry[1].replace("`", ""): place(entry[2], "docs/README.md")})
    config.nav = [each for each in nav if next(iter(each.values()))]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the root's pages, notebooks as pages, and what the theme loads."""
    for source, page in OF_THE_ROOT.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    for asset in sorted(ASSETS.iterdir()):
        files.append(File.generated(config, f"assets/{asset.name}", abs_src_path=str(asset)))
    for notebook in [file for file in files if file.src_uri.endswith(".ipynb")]:
        page, pictures = notebook_page.page(Path(str(notebook.abs_src_path)))
        stem = notebook.src_uri.removesuffix(".ipynb")
        files.append(File.generated(config, f"{stem}.md", content=page))
        for name, data in pictures.items():
            files.append(
                File.generated(config, f"{PurePosixPath(stem).parent}/{name}", content=data)
            )
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Make links fit the site's pages."""
    source = {page: source for source, page in OF_THE_ROOT.items()}.get(page.file.src_uri)
    here = source or f"docs/{page.file.src_uri}"
    folder = PurePosixPath(page.file.src_uri).parent

    def link(match: re.Match[str]) -> str:
        return relpath(place(match[1], here), str(folder))

    parts = re.split(r"(^ *```.*?^ *```)", markdown, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if i % 2 else LINK.sub(link, part) for i, part in enumerate(parts))


def place(link: str, page: str) -> str:
    """Return where in the site a relative link of a page of the repository leads."""
    target = normpath(str(PurePosixPath(page).parent / link))
    if target in OF_THE_ROOT:
        return OF_THE_ROOT[target]
    return re.sub(r"\.ipynb$", ".md", target.removeprefix("docs/"))
