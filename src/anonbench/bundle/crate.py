"""A bundle's metadata: an RO-Crate with the workflow as its main entity, read by archives.

Its README warns of what a bundle reveals of the images.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
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
    from rocrate.model.person import Person
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version=_VERSION)
    crate.metadata.extra_terms.update(_SHA256)
    crate.name, crate.description, crate.datePublished = title, description, date
    crate.root_dataset["license"] = NO_LICENCE
    if licence:
        is_address = re.match(r"https?://", licence)
        address = licence if is_address else f"https://spdx.org/licenses/{licence}"
        crate.root_dataset["license"] = _add_work(crate, address, name=licence, url=address)
    people = [
        crate.add(Person(crate, f"#author-{number}", {"name": name}))
        for number, name in enumerate(authors, start=1)
    ]
    if people:
        crate.root_dataset["author"] = people if len(people) > 1 else people[0]
    for file in files:
        properties = _properties(folder / file)
        if file == WORKFLOW:
            workflow = _add_workflow(crate, folder / file, properties, versions)
            origin = {"version": commit, "codeRepository": repository}
            for key, value in origin.items():
                if value:
                    workflow[key] = value
            continue
        entity = crate.add_file(folder / file, file, properties=properties)
        if file == README:
            entity["about"] = crate.root_dataset
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


def _properties(file: Path) -> dict[str, Any]:
    return {
        "name": file.name,
        "contentSize": str(file.stat().st_size),
        "encodingFormat": _FORMATS.get(file.suffix, "text/plain"),
        "sha256": file_digest(file),
    }


def _add_work(crate: Any, address: str, **properties: str) -> Any:
    from rocrate.model.contextentity import ContextEntity

    return crate.add(ContextEntity(crate, address, {"@type": "CreativeWork", **properties}))


def _add_workflow(
    crate: Any, file: Path, properties: dict[str, Any], versions: Mapping[str, str]
) -> Any:
    from rocrate.model.softwareapplication import SoftwareApplication

    workflow = crate.add_workflow(
        file,
        WORKFLOW,
        main=True,
        lang="snakemake",
        lang_version=versions.get("snakemake"),
        properties=properties | {"name": "anonbench"},
    )
    workflow["conformsTo"] = _add_work(crate, _PROFILE, name="ComputationalWorkflow")
    software = {
        f"#{name}-{version}": {"name": name, "softwareVersion": version}
        for name, version in versions.items()
    }
    workflow["softwareRequirements"] = [
        crate.add(SoftwareApplication(crate, key, each)) for key, each in software.items()
    ]
    return workflow


_SCORES_TELL = (
    "This bundle has no image, but it is not anonymous. The boxes say where faces and lines of "
    "text were in each image, predictions which images are of one class, scores how much an image "
    "stands out."
)
_NUMBERS_TELL = (
    "Images are numbered in the order of their ids, classes in the order of their labels: who has "
    "the list of either knows which is which. Names of data sets, recipes and columns, and the "
    "title, are those of the config."
)
_IDS_TELL = (
    "Images have their ids and classes their labels, which may be names of files, folders and "
    "people."
)
_HEAD = """\
# {title}: a bundle of results

Written by `anonbench bundle`. Every query's scores and every image's prediction, from which all \
scores, paired tests, correlations and tables follow. No images, no image sets, no models.

| where | what |
| --- | --- |
| `config.yaml` | the config of the run with every default filled in, places on disk left out |
| `results/` | what the tables are made from |
| `published/` | what the run made from it, to compare with: scores, tests, tables, times |
| `Snakefile`, `workflow/`, `profiles/` | the workflow |
| `requirements.lock`, `requirements-nodeps.lock`, `envs/` | the environment |
| `ro-crate-metadata.json` | every file with its size and SHA-256, as an RO-Crate |

## Before you pass it on

{warning}

## Making the tables again

In an environment with anonbench{commit} (`make setup` in its repository, or the two lock files), in
this folder, without images, GPU or training:

```console
$ snakemake --cores 2 table_V     # one table, where the run had it
$ snakemake --cores 2             # all tables, the figures that show no image, the report
$ anonbench verify .              # every file, and what was made here
```

| target | file |
| --- | --- |
{targets}

Below `results/tables/` they have the bytes of `published/tables/`; the scores of single queries are
taken as they are.

## What is missing

{missing}
"""


def warning(ids: bool) -> str:
    """Plain-text warning for anyone who passes a bundle on."""
    return "\n\n".join([_SCORES_TELL, _IDS_TELL if ids else _NUMBERS_TELL])


def readme(
    config: Config,
    ids: bool,
    missing: Sequence[str],
    commit: str,
    repository: str = "",
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
    complete = "Nothing: the run was finished."
    head = "The run was not finished. These files were not there:\n"
    return _HEAD.format(
        title=config.title,
        warning=warning(ids),
        commit=f"{commit and f' at commit {commit}'}{repository and f' of {repository}'}",
        targets="\n".join(targets),
        missing="\n".join([head, *(f"- `{path}`" for path in missing)]) if missing else complete,
    )
