"""Systems that are a program: it reads a folder of images and writes a file of vectors."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from anonbench.core.errors import InputError
from anonbench.core.io import scratch_folder
from anonbench.core.provenance import model_files
from anonbench.core.registries.systems import Encoder, SystemKind
from anonbench.core.settings import Count, Positive

if TYPE_CHECKING:
    import numpy as np

_SHOWN = 300
_SUFFIX = ".png"
_WEIGHTS = (".safetensors", ".onnx", ".pt", ".pth", ".bin", ".ckpt", ".h5", ".npz", ".pdiparams")
_WATCH = 'read -r end; kill -s KILL -- "-$1"'  # of a shell: `read` returns when its input ends


class Command(SystemKind):
    """A program that reads a folder of PNG files and writes a file of vectors.

    It is started once for many images, without a shell, and what it leaves running is ended, also
    where anonbench itself is killed. Files are called 000000.png and so on; the ids of the vectors
    are these names, with or without the suffix.
    """

    name: ClassVar = "command"
    label: ClassVar = "Command"
    seconds_an_image: ClassVar = (0.2, 0.0)

    kind: Literal["command"] = "command"  # Kind of system.
    command: str
    """Command line, with `{images}` for the folder and `{vectors}` for the file to write."""
    format: Literal["npy", "npz", "parquet", "h5"] = "npy"  # Format of the file of vectors.
    images: Count = 10_000  # Largest number of images in one folder.
    timeout: Positive = 86_400  # Longest time of one call, in seconds.
    version: str = ""
    """Your name for the version of what the command line does not tell, such as weights that it
    loads."""

    def _contradictions(self) -> Iterator[str]:
        for place in ("{images}", "{vectors}"):
            if place not in self.command:
                yield f"command: has to say where {place} goes"

    @property
    def most_images(self) -> int:
        """See `SystemKind.most_images`."""
        return self.images

    def files(self) -> list[Path]:
        """List the files that the command line names: a script, a model or a model's folder."""
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            raise InputError(f"systems: the command cannot be read: {error}") from None
        named = [Path(word.rpartition("=")[2] if word[:1] == "-" else word) for word in words]
        paths = [path for path in named if path.is_file() or _is_model_folder(path)]
        return [file for path in paths for file in model_files(path)]

    @contextmanager
    def start(self) -> Iterator[Encoder]:
        """Find the program, which is started for each group of images."""
        program = shlex.split(self.command)[0]
        if shutil.which(program) is None:
            raise InputError(f"systems: there is no program {program!r}")
        yield self

    def encode(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Write the images, run the program and read its vectors."""
        from PIL import Image

        with scratch_folder() as scratch:
            folder, file = scratch / "images", scratch / f"vectors.{self.format}"
            folder.mkdir()
            names = [f"{number:06d}" for number in range(len(images))]
            for number, name in enumerate(names):  # one after the other: they are read on demand
                Image.fromarray(images[number]).save(folder / f"{name}{_SUFFIX}", compress_level=1)
            words = shlex.split(self.command)
            words = [word.replace("{images}", str(folder)) for word in words]
            self._run([word.replace("{vectors}", str(file)) for word in words], file)
            try:
                return _ordered(file, names)
            except InputError as error:  # the message names a temporary file
                text = str(error).replace(f"{scratch}{os.sep}", "")
                raise InputError(f"systems: {words[0]}: {text}") from None

    def _run(self, words: Sequence[str], file: Path) -> None:
        output = file.with_name("output")
        with (
            output.open("wb") as stdout,  # no pipe: a process left running would keep it open
            subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            ) as process,
            _ended_with_this_process(process.pid),
        ):
            try:
                status = process.wait(self.timeout)
            except subprocess.TimeoutExpired:
                raise InputError(f"systems: {words[0]} took more than {self.timeout:g} s") from None
            finally:  # with all remaining processes that it started
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
        with output.open("rb") as file_of_output:
            file_of_output.seek(max(0, output.stat().st_size - _SHOWN))
            said = " ".join(file_of_output.read(_SHOWN).decode("utf-8", "replace").split())
        if status:
            raise InputError(f"systems: {words[0]} ended with status {status}: {said}")
        if not file.is_file():
            said = said or "it printed nothing"
            raise InputError(f"systems: {words[0]} wrote no file {file.name}: {said}")


def _is_model_folder(path: Path) -> bool:
    """Whether a folder holds weights; never one above this folder, with results that change."""
    is_apart = path.is_dir() and not Path.cwd().is_relative_to(path.resolve())
    return is_apart and any(file.suffix in _WEIGHTS for file in path.iterdir())


def _ordered(file: Path, names: Sequence[str]) -> np.ndarray:
    """Vectors in the order of the images' names; a `.npy` file without a list of ids has it."""
    import numpy as np

    from anonbench.embedding.systems.vectors import read_vectors

    if file.suffix == ".npy" and not file.with_suffix(".ids.txt").is_file():
        file.with_suffix(".ids.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    found = read_vectors(file)
    rows = {
        name.rpartition("/")[2].removesuffix(_SUFFIX): row for row, name in enumerate(found.ids)
    }
    if len(rows) < len(found.ids):
        raise InputError(
            f"{len(found.ids)} vectors in the program's file are of {len(rows)} images; "
            "its ids are the names of the files, each once"
        )
    missing = [name for name in names if name not in rows]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(names)} images have no vector in the program's file, "
            f"such as {missing[0]}{_SUFFIX}; its ids are the names of the files"
        )
    return np.asarray(found.values)[[rows[name] for name in names]]


@contextmanager
def _ended_with_this_process(leader: int) -> Iterator[None]:
    """Kill a program and its child processes if this process is killed within the block.

    Another process waits for the end of a pipe that only this one writes to.
    """
    watcher = subprocess.Popen(
        ["/bin/sh", "-c", _WATCH, "sh", str(leader)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # signals to this process's group are not for it
    )
    try:
        yield
    finally:
        watcher.kill()  # before its pipe ends
        watcher.wait()
        if watcher.stdin:
            watcher.stdin.close()
