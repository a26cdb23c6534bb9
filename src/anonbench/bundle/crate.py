"""A bundle's metadata: an RO-Crate with the workflow as its main entity, read by archives.

Its README warns of what a bundle reveals of the images.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anonbench.core.errors import InputError
from anonbench.core.provenance import file_digest

if TYPE_CHECKING:
    from anonbench.config import Config

METADATA = "ro-crate-metadata.json"
WORKFLOW = "Snakefile"
README = "README.md"
NO_LICENCE = "No licence is stated: ask the authors before using this bundle."
_VERSION = "1.1"  # RO-Crate version that archives read today
_PROFILE = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
_SHA256 = {"sha256": "http://schema.org/sha256"}
_FORMATS = {
    ".csv": "text/csv",
    ".h5": "application/x-hdf5",
    ".json": "application/json",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".py": "text/x-python",
    ".sh": "text/x-shellscript",
    ".tex": "application/x-tex",
    ".tsv": "text/tab-separated-values",
    ".yaml": "application/yaml",
}
"""Media types by suffix; other files of a bundle are plain text."""


def write_metadata(
    folder: Path,
    files: Sequence[str],
    versions: Mapping[str, str],
    *,
    title: str,
    description: str,
    date: str,
    authors: Sequence[str],
    licence: str,
    commit: str,
    repository: str,
) -> None:
    """Write the metadata of a bundle's files; the same files give the same bytes.

    `files` are paths below the folder, the workflow's included, in the order to list them;
    `versions` are those of Python and the packages, by name; for the others see `write_bundle`.
    """
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version=_VERSION)
    crate.metadata.extra_terms.update(_SHA256)
    crate.name, crate.description, crate.datePublished = title, description, date

    def add(address: str, kind: str, **properties: str) -> Any:
        return crate.add_jsonld({"@id": address, "@type": kind, **properties})

    crate.root_dataset["license"] = NO_LICENCE
    if licence:
        is_address = re.match(r"https?://", licence)
        address = licence if is_address else f"https://spdx.org/licenses/{licence}"
        crate.root_dataset["license"] = add(address, "CreativeWork", name=licence, url=address)
    people = [add(f"#author-{n}", "Person", name=name) for n, name in enumerate(authors, start=1)]
    if people:
        crate.root_dataset["author"] = people if len(people) > 1 else people[0]
    for file in files:
        path = folder / file
        properties = {
            "name": path.name,
            "contentSize": str(path.stat().st_size),
            "encodingFormat": _FORMATS.get(path.suffix, "text/plain"),
            "sha256": file_digest(path),
        }
        if file != WORKFLOW:
            entity = crate.add_file(path, file, properties=properties)
            if file == README:
                entity["about"] = crate.root_dataset
            continue
        workflow = crate.add_workflow(
            path,
            WORKFLOW,
            main=True,
            lang="snakemake",
            lang_version=versions.get("snakemake"),
            properties=properties | {"name": "anonbench"},
        )
        workflow["conformsTo"] = add(_PROFILE, "CreativeWork", name="ComputationalWorkflow")
        workflow["softwareRequirements"] = [
            add(f"#{name}-{own}", "SoftwareApplication", name=name, softwareVersion=own)
            for name, own in versions.items()
        ]
        for key, value in (("version", commit), ("codeRepository", repository)):
            if value:
                workflow[key] = value
    content = json.dumps(crate.metadata.generate(), indent=1, sort_keys=True, ensure_ascii=False)
    (folder / METADATA).write_text(content + "\n", encoding="utf-8")


def require_bundle(bundle: Path) -> None:
    """Raise InputError unless the path is a bundle's folder, or a file that may be its tar."""
    if bundle.is_dir() and not (bundle / METADATA).is_file():
        raise InputError(f"{bundle} is not a bundle: {METADATA} is missing")
    if not bundle.exists():
        raise InputError(f"{bundle} is not there: name a bundle's folder or its tar")
    if not (bundle.is_dir() or bundle.is_file()):
        raise InputError(f"{bundle} is a pipe or device: name a bundle's folder or its tar")


def warning(ids: bool) -> str:
    """Plain-text warning for anyone who passes a bundle on."""
    names = (
        "Images have their ids and classes their labels, which may be names of files, folders and "
        "people."
        if ids
        else "Images are numbered in the order of their ids, classes in the order of their labels: "
        "anyone with such a list knows which is which. Names of data sets, recipes and columns, "
        "and the title, are those of the config."
    )
    return (
        "This bundle has no image, but it is not anonymous. The boxes say where faces and lines of "
        "text were in each image, predictions which images are of one class, scores how much an "
        f"image stands out.\n\n{names}"
    )


def readme(
    config: Config, ids: bool, missing: Sequence[str], commit: str, repository: str = ""
) -> str:
    """README of a bundle, by its config.

    `ids` is whether images keep their own ids, `missing` what a finished run would have; commit and
    repository are those of the workflow, or empty.
    """
    from anonbench.config.experiment import Experiment  # a bundle is verified without it

    experiment = Experiment(config)
    stems = {f"table_{table.stem}": table.stem for table in experiment.tables}
    numbers = {
        stem: target for target, stem in experiment.paper_targets().items() if "table" in target
    }
    targets = [
        f"| `{numbers.get(stem, target)}` | `results/tables/{stem}.{{csv,md,tex}}` |"
        for target, stem in (stems | {"tables": "*"}).items()
    ]
    lacking = "Nothing: the run was finished."
    if missing:
        head = "The run was not finished. These files were not there:\n"
        lacking = "\n".join([head, *(f"- `{path}`" for path in missing)])
    return (
        resources.files(__package__)
        .joinpath("readme.md")
        .read_text("utf-8")
        .format(
            title=config.title,
            warning=warning(ids),
            commit=f"{commit and f' at commit {commit}'}{repository and f' of {repository}'}",
            targets="\n".join(targets),
            missing=lacking,
        )
    )
