"""README of a bundle, with a warning about information it reveals of the images."""

from __future__ import annotations

from collections.abc import Sequence

from anonbench.config import Config
from anonbench.config.experiment import Experiment

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

Written by `anonbench bundle`. {what} No images, no image sets, no models.

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
_WHAT = (
    "Every query's scores and every image's prediction, from which all scores, paired tests, "
    "correlations and tables follow."
)


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
    experiment = Experiment(config)
    stems = {f"table_{table.stem}": table.stem for table in experiment.tables}
    numbers = {
        stem: target for target, stem in experiment.paper_targets().items() if "table" in target
    }
    targets = [
        f"| `{numbers.get(stem, target)}` | `results/tables/{stem}.{{csv,md,tex}}` |"
        for target, stem in (stems | {"tables": "*"}).items()
    ]
    listed = [f"- `{path}`" for path in missing]
    return _HEAD.format(
        title=config.title,
        what=_WHAT,
        warning=warning(ids),
        commit=(f" at commit {commit}" if commit else "")
        + (f" of {repository}" if repository else ""),
        targets="\n".join(targets),
        missing="\n".join(
            ["The run was not finished. These files were not there:", "", *listed]
            if missing
            else ["Nothing: the run was finished."]
        ),
    )
