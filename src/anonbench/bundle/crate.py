"""A bundle's metadata: an RO-Crate with the workflow as its main entity, read by archives."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anonbench.core.errors import InputError
from anonbench.core.provenance import file_digest

METADATA = "ro-crate-metadata.json"
WORKFLOW = "Snakefile"
README = "README.md"
NO_LICENCE = "No licence is stated: ask the authors before using this bundle."
_VERSION = "1.1"
"""RO-Crate version that archives read today."""
_PROFILE = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
_SHA256 = {"sha256": "http://schema.org/sha256"}
_FORMATS = {
    ".csv": "text/csv",
    ".digest": "text/plain",
    ".h5": "application/x-hdf5",
    ".json": "application/json",
    ".lock": "text/plain",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".py": "text/x-python",
    ".sh": "text/x-shellscript",
    ".smk": "text/plain",
    ".tex": "application/x-tex",
    ".tsv": "text/tab-separated-values",
    ".yaml": "application/yaml",
}
"""Media types by suffix; a bundle holds no other kind of file."""


@dataclass(frozen=True)
class About:
    """Description of a bundle in its metadata, besides its files."""

    title: str
    description: str
    date: str
    """Date of publication, YYYY-MM-DD."""
    authors: tuple[str, ...] = ()
    licence: str = ""
    """Address or SPDX identifier; empty if none is stated."""
    commit: str = ""
    """Commit of the workflow's repository; empty if unknown."""
    repository: str = ""
    """Address of the repository; empty if none is stated."""


def write_metadata(
    folder: Path, files: Sequence[str], about: About, versions: Mapping[str, str]
) -> None:
    """Write the metadata of a bundle's files; the same files give the same bytes.

    `files` are paths below the folder, the workflow's included, in the order to list them;
    `versions` are those of Python and the packages, by name.
    """
    from rocrate.model.person import Person
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version=_VERSION)
    crate.metadata.extra_terms.update(_SHA256)
    crate.name, crate.description = about.title, about.description
    crate.datePublished = about.date
    crate.root_dataset["license"] = _licence(crate, about.licence)
    people = [
        crate.add(Person(crate, f"#author-{number}", {"name": name}))
        for number, name in enumerate(about.authors, start=1)
    ]
    if people:
        crate.root_dataset["author"] = people if len(people) > 1 else people[0]
    for file in files:
        properties = _properties(folder / file)
        if file == WORKFLOW:
            _add_workflow(crate, folder / file, properties, about, versions)
            continue
        entity = crate.add_file(folder / file, file, properties=properties)
        if file == README:
            entity["about"] = crate.root_dataset
    content = json.dumps(crate.metadata.generate(), indent=1, sort_keys=True, ensure_ascii=False)
    (folder / METADATA).write_text(content + "\n", encoding="utf-8")


def require_bundle(bundle: Path) -> None:
    """Raise an error unless the path is a bundle's folder or a file (possibly a bundle's tar).

    Raises:
        InputError: it does not exist, has no metadata, or is a pipe or device.
    """
    if bundle.is_dir() and not (bundle / METADATA).is_file():
        raise InputError(f"{bundle} is not a bundle: {METADATA} is missing")
    if not bundle.exists():
        raise InputError(f"{bundle} is not there: name a bundle's folder or its tar")
    if not (bundle.is_dir() or bundle.is_file()):
        raise InputError(f"{bundle} is a pipe or device: name a bundle's folder or its tar")


def _properties(file: Path) -> dict[str, Any]:
    return {
        "name": file.name,
        "contentSize": str(file.stat().st_size),
        "encodingFormat": _FORMATS.get(file.suffix, "text/plain"),
        "sha256": file_digest(file),
    }


def _licence(crate: Any, given: str) -> Any:
    from rocrate.model.contextentity import ContextEntity

    if not given:
        return NO_LICENCE
    address = given if re.match(r"https?://", given) else f"https://spdx.org/licenses/{given}"
    return crate.add(
        ContextEntity(crate, address, {"@type": "CreativeWork", "name": given, "url": address})
    )


def _add_workflow(
    crate: Any, file: Path, properties: dict[str, Any], about: About, versions: Mapping[str, str]
) -> None:
    from rocrate.model.contextentity import ContextEntity
    from rocrate.model.softwareapplication import SoftwareApplication

    workflow = crate.add_workflow(
        file,
        WORKFLOW,
        main=True,
        lang="snakemake",
        lang_version=versions.get("snakemake"),
        properties=properties | {"name": "anonbench"},
    )
    workflow["conformsTo"] = crate.add(
        ContextEntity(crate, _PROFILE, {"@type": "CreativeWork", "name": "ComputationalWorkflow"})
    )
    if about.commit:
        workflow["version"] = about.commit
    if about.repository:
        workflow["codeRepository"] = about.repository
    workflow["softwareRequirements"] = [
        crate.add(
            SoftwareApplication(
                crate, f"#{name}-{version}", {"name": name, "softwareVersion": version}
            )
        )
        for name, version in versions.items()
    ]
