"""Errors that a user can correct. They reach the terminal as one line, without a traceback."""

from collections.abc import Iterable, Mapping, Set
from typing import Any, Self

from anonbench.core.wording import harmless


class InputError(Exception):
    """Wrong input from the user. The message names the file or field, and a remedy."""

    def __str__(self) -> str:
        return harmless(super().__str__())  # it may quote any name, in a log or notebook


class UnreadableImage(InputError):  # noqa: N818 - a finding about an image, not a failure
    """One image cannot be read. The message is the reason, without the image's name or content."""


class ChangedImage(InputError):  # noqa: N818 - a finding about an image, not a failure
    """The file of an original no longer matches its manifest; it must not be used."""

    @classmethod
    def of(cls, image_id: str, what: str) -> Self:
        """Return the error of one image; `what` has changed, in two or three words."""
        return cls(
            f"image {image_id!r} was changed or replaced since it was listed: {what}. It was not "
            "used. Run the same command again, which searches changed images again. If the file "
            "has kept its size and time, add --forcerun manifest at the end"
        )

    def __str__(self) -> str:
        # a loader's process puts a traceback before the error that it passes on
        return super().__str__().rpartition(f"{type(self).__name__}: ")[2].strip()


class Interrupted(Exception):  # noqa: N818 - asked for from outside, not a failure
    """A training was asked to end; its checkpoint has everything needed to resume."""

    def __init__(self, reason: str, step: int) -> None:
        super().__init__(reason, step)
        self.reason = reason
        self.step = step

    def __str__(self) -> str:
        return f"stopped by {self.reason} at step {self.step}; run again to go on from there"


class TrainingFailed(Exception):  # noqa: N818 - what happened, as for the other outcomes
    """A process of a training failed by an error of the program; its log has the details."""


class WrongUsage(InputError):  # noqa: N818 - as the others
    """An unknown or incomplete argument on the command line; the exit status is 2."""


def listed(name: str, given: Any, hint: str) -> list[Any]:
    """Values of an argument that may be any iterable with an order, which is read once."""
    if isinstance(given, str | bytes | Mapping | Set) or not isinstance(given, Iterable):
        what = repr(given) if isinstance(given, str) else type(given).__name__
        raise InputError(f"{name}: {what} is no list; {hint}")
    return list(given)
