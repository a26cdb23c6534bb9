"""Errors that a user can mend. They reach the terminal as one line, without a traceback."""

from __future__ import annotations


class InputError(Exception):
    """Something the user gave is wrong. The message names the file or field and the way out."""


class UnreadableImage(InputError):  # noqa: N818 - a finding about an image, not a failure
    """One image cannot be read. The message is the reason, without the image's name or content."""


class Interrupted(Exception):  # noqa: N818 - asked for from outside, not a failure
    """A training was asked to end; all that it needs to go on is in its checkpoint."""

    def __init__(self, reason: str, step: int) -> None:
        super().__init__(reason, step)
        self.reason = reason
        self.step = step

    def __str__(self) -> str:
        return f"stopped by {self.reason} at step {self.step}; run again to go on from there"
