"""Watch over the other ranks of a training, so that it ends as a whole when one of them does.

A collective on GPUs waits for a rank that is gone until its time limit, and a process that waits
for its GPU hears no signal. So each rank keeps a message from the one before it outstanding: a
thread gets it, or gloo's error once the connection is closed, however the other process ended.
"""

from __future__ import annotations

import logging
import os
import threading
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

logger = logging.getLogger(__name__)

GRACE_SECONDS = 20.0
"""How long a rank may take to end by itself after another one has failed."""
TELLING_SECONDS = 2.0
"""How long the news of a failure may take to reach a rank whose exchange has failed."""
_FOREVER = timedelta(days=3650)
_FAREWELL, _FAILURE = 1, 2


class RankWatch:
    """This rank's view of the others; ends the process where they failed and it cannot go on."""

    def __init__(self, rank: int, world: int, hosts: Any) -> None:
        """Begin to watch; all ranks must do so.

        Args:
            rank: of this process.
            world: number of ranks.
            hosts: a gloo group of all of them.

        """
        self._next = (rank + 1) % world
        self._hosts = hosts
        self._failed = threading.Event()
        self._left = threading.Event()
        self._news = torch.zeros(1, dtype=torch.uint8)
        heard = dist.irecv(self._news, (rank - 1) % world, group=hosts)
        self._thread = threading.Thread(target=self._watch, args=(heard,), daemon=True)
        self._thread.start()

    def failed(self) -> bool:
        """Return whether another rank has failed, as far as this one is told at once."""
        return self._failed.wait(TELLING_SECONDS)

    def leave(self) -> None:
        """Wait until all ranks have done their work, and end the watch."""
        dist.barrier(group=self._hosts)  # rank 0 may still be writing
        self._tell(_FAREWELL)
        self._thread.join()
        self._left.set()

    def _tell(self, news: int) -> None:
        dist.send(torch.tensor([news], dtype=torch.uint8), self._next, group=self._hosts)

    def _watch(self, heard: Any) -> None:
        try:
            heard.wait(_FOREVER)
            if int(self._news) == _FAREWELL:
                return
        except RuntimeError as error:  # gloo's: the other process is gone
            logger.debug("the connection to another rank is closed: %s", error)
        self._failed.set()
        try:
            self._tell(_FAILURE)  # now, and not when this process has ended too
        except RuntimeError as error:
            logger.debug("the next rank is gone too: %s", error)
        if not self._left.wait(GRACE_SECONDS):
            logger.error("ends: another process of the training failed, and this one waits for it")
            os._exit(1)
