"""Settings of the attacks on anonymized images."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from anonbench.config.base import Count, Fraction, Place, Settings


class Privacy(Settings):
    """Re-identification: how often an attacker finds out whom or what a hidden region shows.

    See docs/explanation/privacy.md.
    """

    enabled: bool = True
    """Whether attacks are run. Without them the report gives no re-identification rate."""
    limit: Fraction = 0.1
    """Share of the regions that the strongest attack may re-identify in what the report recommends.
    The upper end of the rate's interval has to lie within it. Changes no attack; the reader may
    choose another limit on the page, or none."""
    probes: Count = 1000
    """Regions of each entity that are attacked, drawn by a hash of their ids."""
    gallery: Annotated[int, Field(ge=2)] = 2000
    """Regions of each entity among which a probe's own is looked for, drawn likewise. A rate means
    nothing without this number: chance is about one over it."""
    identity: str = "identity"
    """Label column that names the person of an image. Where the manifest has it, faces are looked
    for among the person's other photographs."""
    margin: Annotated[float, Field(ge=1.0)] = 1.0
    """Factor by which a face's crop is grown where persons are looked for: more than 1 shows the
    attacker hair and background too, which no method hides."""
    recognizer: Place | None = None
    """ONNX file of a face recognition model, a further attacker on faces: RGB crops, scaled as
    (x - 127.5) / 128, to one vector each."""
