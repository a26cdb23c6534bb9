"""Writing of a bundle from results, as a folder or a tar."""

import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from platform import python_version
from typing import Any

import pandas as pd
import yaml

from anonbench.bundle.contents import START, Entry, benchmark_files, contents
from anonbench.bundle.crate import METADATA, README, WORKFLOW, readme, write_metadata
from anonbench.config import Config, load
from anonbench.core.errors import InputError
from anonbench.core.io import (
    require_folder_or_tar,
    require_new,
    write_csv,
    write_parquet,
    write_text,
)
from anonbench.core.jobs.checksums import DIGEST, verify
from anonbench.core.progress import track
from anonbench.core.provenance import file_digest, versions
from anonbench.datasets.image_sets.neutral_names import Names, without_paths, without_places

_PROJECT = (
    *(WORKFLOW, "requirements.lock", "requirements-nodeps.lock"),
    *("workflow", "envs", "profiles/default"),
)
_PACKAGES = ("snakemake", "numpy", "pandas", "scipy", "pyarrow", "h5py", "torch", "timm")
_TIME = int(datetime(1980, 1, 1, tzinfo=UTC).timestamp())
"""Time stamp of every tar member: the earliest that archivers accept without a warning."""
_MEASURED = (
    *("s", "h:m:s", "max_rss", "max_vms", "max_uss", "max_pss", "io_in", "io_out"),
    *("mean_load", "cpu_time"),
)
"""Columns of a benchmark file that contain no names."""
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*", b"RIFF", b"BM")
"""First bytes of image files: PNG, JPEG, GIF, TIFF, WebP, BMP."""


@dataclass(frozen=True)
class Written:
    """Summary of a written bundle."""

    files: int
    megabytes: float
    missing: tuple[str, ...]
    """Files of a finished run that are missing, relative to the results folder."""
    commit: str = ""  # commit of the workflow's repository; empty if unknown


def write_bundle(
    config: Config,
    root: Path,
    to: Path,
    keep_ids: bool = False,
    date: str = "",
    authors: Sequence[str] = (),
    licence: str = "",
    repository: str = "",
) -> Written:
    """Write those results of a run that can be passed on without images.

    The same results, config and code give the same bytes.

    Args:
        config: config of the run.
        root: the repository, with the workflow and the lock files of its environment.
        to: a folder, or a file whose name ends in `.tar`; must not exist yet.
        keep_ids: keep the ids of images and the labels of classes; otherwise both are numbered.
        date: date of publication, YYYY-MM-DD; if empty, the day of the newest result.
        authors: names of the authors.
        licence: address or SPDX identifier.
        repository: address where others find the commit. The clone's own remote is not used: it may
            name a machine.

    Raises:
        InputError: there are no results, `to` exists or has another suffix, the workflow is not at
            `root`, or images cannot be numbered.
    """
    _check(config, root, to)
    present, missing = _found(config)
    newest = max((config.results / entry.path).stat().st_mtime for entry in present)
    day = date or datetime.fromtimestamp(newest, UTC).date().isoformat()
    commit = _commit(root)
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=to.parent, prefix=".bundle-") as temporary:
        folder = Path(temporary) / to.name.removesuffix(".tar")
        _copy_results(config, present, folder, keep_ids)
        neutral = neutral_config(config)
        write_text(
            folder / "config.yaml", yaml.safe_dump(neutral, sort_keys=False, allow_unicode=True)
        )
        for name in _PROJECT:
            if (root / name).is_dir():
                ignored = shutil.ignore_patterns("__pycache__", ".*")
                shutil.copytree(root / name, folder / name, ignore=ignored)
            else:
                shutil.copyfile(root / name, folder / name)
        about = readme(load(neutral), keep_ids, missing, commit, repository)
        write_text(folder / README, about)
        files = sorted(f.relative_to(folder).as_posix() for f in folder.rglob("*") if f.is_file())
        for name in files:  # an image, whatever its suffix
            with (folder / name).open("rb") as file:
                if file.read(8).startswith(_PICTURES):
                    raise InputError(f"{name} is an image: it must not be in a bundle; remove it")
        write_metadata(
            folder,
            files,
            {"python": python_version()} | versions(*_PACKAGES),
            title=config.title,
            description=f"Results of anonbench on {', '.join(config.enabled)}: what anonymizing "
            "the images costs their retrieval. Without images; the tables can be made again from "
            "it by the workflow.",
            date=day,
            authors=authors,
            licence=licence,
            commit=commit,
            repository=repository,
        )
        size = sum((folder / name).stat().st_size for name in (*files, METADATA))
        if to.suffix == ".tar":
            _pack(folder, Path(temporary) / "packed.tar").replace(to)
        else:
            folder.replace(to)
    return Written(len(files) + 1, size / 1e6, tuple(missing), commit)


def neutral_config(config: Config) -> dict[str, Any]:
    """The bundle's config as plain data: all defaults, without local paths or images."""
    presentation = {"show_originals": False, "explorer_queries": 0}
    changes = {
        "results": Path(START),
        "bundle": Path(METADATA),
        "presentation": config.presentation.model_copy(update=presentation),
    }
    return dict(without_places(config).model_copy(update=changes).model_dump(mode="json"))


def _check(config: Config, root: Path, to: Path) -> None:
    if config.bundle:
        raise InputError("the config belongs to a bundle: pass that bundle on")
    require_folder_or_tar(to)
    require_new(to)
    if not config.results.is_dir():
        raise InputError(f"results: there is no folder {config.results}: first `anonbench run`")
    if to.resolve().is_relative_to(config.results.resolve()):
        raise InputError(f"{to} is in the folder of results: name a place outside of it")
    if not (root / WORKFLOW).is_file():
        raise InputError(
            f"there is no {WORKFLOW} in {root}: go to the repository, or name it with --root"
        )


def _found(config: Config) -> tuple[list[Entry], list[str]]:
    """Entries whose files exist, and the paths of required files that are missing."""
    present, missing = [], []
    for entry in contents(config) + benchmark_files(config.results):
        if (config.results / entry.path.removesuffix(DIGEST)).is_file():
            present.append(entry)
        elif not entry.optional and not entry.is_digest:
            missing.append(entry.path)
    if all(entry.optional for entry in present):
        raise InputError(
            f"results: {config.results} has nothing of this config's experiment; run the workflow, "
            "or name the config that it ran with (--configfile)"
        )
    return present, missing


def _copy_results(config: Config, entries: Sequence[Entry], folder: Path, keep_ids: bool) -> None:
    names: dict[str, Names] = {}
    for name in sorted({entry.dataset for entry in entries if entry.columns}):
        manifest = config.results / name / "manifest.parquet"
        verify(manifest)
        if keep_ids:
            continue
        if not manifest.is_file():
            raise InputError(
                f"{manifest} is not there, and without it images cannot be numbered: make it "
                f"(the target {name}_manifest), or pass --keep-ids if names are no secret"
            )
        names[name] = Names.of(manifest, config.datasets[name].label)
    for entry in track(entries, len(entries), "result files bundled"):
        target, source = folder / entry.target, config.results / entry.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not entry.is_digest:
            verify(source)
        try:
            _copy(entry, source, target, names.get(entry.dataset))
        except (OSError, ValueError, LookupError) as error:
            raise InputError(
                f"{source} cannot be bundled ({type(error).__name__}): remove it and run the "
                "workflow, or check whether the disk is full"
            ) from None


def _copy(entry: Entry, source: Path, target: Path, names: Names | None) -> None:
    """Copy a file, replacing names by neutral ones if `names` is given."""
    if entry.columns:
        table = pd.read_parquet(source, columns=list(entry.columns))
        if names is not None:
            labels = {column: names.classes(table[column], source) for column in entry.labels}
            table = table.assign(id=names.images(table["id"], source), **labels)
        write_parquet(table, target)
    elif entry.is_digest:
        of = target.with_suffix("")
        write_text(target, f"{file_digest(of)}  {of.stat().st_size}\n")
    elif source.name == "skipped.csv":
        write_csv(without_paths(source), target)
    elif source.suffix == ".tsv":  # Snakemake's benchmark of a job, whose parameters name paths
        table = pd.read_csv(source, sep="\t", dtype=str, keep_default_na=False)
        own = [column for column in table.columns if column in _MEASURED]
        write_text(target, table[own].to_csv(sep="\t", index=False, lineterminator="\n"))
    else:
        shutil.copyfile(source, target)


def _commit(root: Path) -> str:
    """The repository's commit, marked if files were changed since; empty if unknown."""
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=40", "--dirty"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return run.stdout.strip() if run.returncode == 0 else ""


def _pack(folder: Path, to: Path) -> Path:
    with tarfile.open(to, "w", format=tarfile.PAX_FORMAT) as tar:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                member = tarfile.TarInfo(file.relative_to(folder.parent).as_posix())
                member.size, member.mtime, member.mode = file.stat().st_size, _TIME, 0o644
                with file.open("rb") as content:
                    tar.addfile(member, content)
    return to
