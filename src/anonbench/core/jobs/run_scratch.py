"""Scratch folder of a run: images decoded by one job and memory-mapped by the others.

It is private to its owner and machine. It holds small versions of images and is removed with the
process that runs the jobs; if that is killed, by the next one
(`anonbench.core.io.remove_left_scratch`).
"""

from __future__ import annotations

import atexit
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from anonbench.core.io import open_private, scratch_folder

MOST = 2 * 2**30
"""Greatest size of the folder in bytes; a job whose images need more decodes them itself."""
_VARIABLE = "ANONBENCH_RUN_SCRATCH"


def share_scratch() -> None:
    """Create the folder for the jobs of this process, which find it by an environment variable."""
    stack = ExitStack()
    os.environ[_VARIABLE] = str(stack.enter_context(scratch_folder()))
    atexit.register(stack.close)


def shared_file(name: str, size: int) -> Path | None:
    """Path of a file that the jobs of a run share, written already or not.

    Args:
        name: digest of everything that decides the file's bytes.
        size: greatest size in bytes.

    Returns:
        The path; None if the run shares nothing on this machine, or has no space left.

    """
    folder = Path(os.environ.get(_VARIABLE, "/dev/null"))
    if not folder.is_dir():
        return None
    path = folder / name
    if path.exists():
        return path
    used = sum(each.lstat().st_size for each in folder.iterdir() if each.exists())
    has_room = used + size <= MOST and 2 * size <= shutil.disk_usage(folder).free
    return path if has_room else None


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Yield a new private file that becomes `path` if the block ends without error.

    Jobs that write the same path at once use separate files; the last one stays.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    open_private(part).close()
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
