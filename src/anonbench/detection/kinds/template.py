"""Boxes of the most similar annotated template."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from anonbench.core.errors import InputError
from anonbench.core.registries.detectors import Detector, DetectorKind, Loading
from anonbench.core.settings import Count, Fraction, Positive


class Template(DetectorKind):
    """Boxes of the most similar annotated template (Eberhardinger et al. 2025)."""

    name: ClassVar = "template"
    label: ClassVar = "Templates"
    images_per_second: ClassVar = 2.0

    mode: Literal["union", "fallback"] = "union"
    """Whether the data set's other detectors look at every image, or at those alone that no
    template fits. They see what a template does not know: a stamp, a note in the margin."""
    candidates: Count = 10
    """Templates, the most similar by embedding, that are tried on an image; some milliseconds each.
    """
    transformation: Literal["affine", "homography"] = "homography"
    """How a template is laid over an image. The paper's is affine: enough for scans; photographs
    taken aslant need a homography."""
    longest_side: Annotated[int, Field(ge=200)] = 1000
    """Images and templates are looked at with a longer side of at most this many pixels."""
    min_inliers: Annotated[int, Field(ge=8)] = 15
    """Matching features that must agree with a transformation for it to be accepted."""
    max_error: Positive = 2.0
    """Greatest median distance of those, in pixels at the size that is looked at."""
    scale: tuple[Positive, Positive] = (0.2, 5.0)
    """Least and greatest scale of a template in an image, at the sizes that are looked at."""
    min_agreement: Fraction = 0.75
    """Share of the template's cells (outside its boxes) in which the image must look the same."""

    def load(self, loading: Loading) -> Detector:
        """See `DetectorKind.load`."""
        from anonbench.detection.template.template import TemplateDetector

        if loading.templates is None:
            raise InputError("detector template: the data set's setting `templates` is empty")
        return TemplateDetector(self, loading.templates, loading.threads)
