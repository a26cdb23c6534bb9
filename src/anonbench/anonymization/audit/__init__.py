"""Proof that a written image hides what it has to, by independent code.

Nothing here comes from the rest of `anonbench.anonymization`, nor from a module that tells it which
pixels or how many regions to hide (a test walks the imports). See `audit.check` for what is proved.
"""


class Failure(Exception):  # noqa: N818 - a finding about an image, not a fault of the audit
    """A fault of an image. The message shows nothing of its content."""


class NotHidden(Failure):
    """A region is still visible, although its method was applied correctly."""

    def __str__(self) -> str:
        return f"{super().__str__()}; take a stronger method or strength, or one more layer"
