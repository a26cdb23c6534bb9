"""Errors that a user can mend. They reach the terminal as one line, without a traceback."""

from __future__ import annotations


class InputError(Exception):
    """Something the user gave is wrong. The message names the file or field and the way out."""


class UnreadableImage(InputError):  # noqa: N818 - a finding about an image, not a failure
    """One image cannot be read. The message is the reason, without the image's name or content."""
