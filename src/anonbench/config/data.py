"""Settings of data sets."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from anonbench.config.anonymization import MethodName
from anonbench.core.registries.detectors import DETECTORS
from anonbench.core.registries.method_names import GIVEN, REDRAWN
from anonbench.core.registries.methods import METHODS
from anonbench.core.settings import NAME, Count, Place, Settings
from anonbench.core.vocabulary import COMPATIBLE, Adaption, Method

Degree = Annotated[int, Field(ge=1, le=100)]
Name = Annotated[str, Field(pattern=NAME, max_length=64)]
AUTO, NONE = "auto", "none"
"""Words that name no column: clusters chosen automatically, and every image by itself."""


class Layout(StrEnum):
    """Folder layout in which a publisher ships a data set."""

    CELEBA = "celeba"
    RVL_CDIP = "rvl_cdip"
    FOLDER = "folder"
    TABLE = "table"


class PaperRole(StrEnum):
    """The data set of the paper that this one is or stands in for: decides its table numbers."""

    CELEBA = "celeba"
    RVL_CDIP = "rvl_cdip"
    DOKIQ = "dokiq"


class PortraitsDemo(Settings):
    """Drawn portraits in CelebA's layout, 178 × 218 pixels."""

    kind: Literal["portraits"] = "portraits"  # Kind of demo data.
    train_identities: Count = 100  # Identities that occur in the train split only.
    val_identities: Count = 40  # Identities that occur in the validation split only.
    photos: Count = 6  # Photos of each identity.


class DocumentsDemo(Settings):
    """Drawn office documents in RVL-CDIP's layout, 16 classes, grey-level TIFF."""

    kind: Literal["documents"] = "documents"  # Kind of demo data.
    train_per_class: Count = 40  # Train images of each of the 16 classes.
    val_per_class: Count = 15  # Validation images of each of the 16 classes.


class IdsDemo(Settings):
    """Drawn ID documents with portrait, fields, MRZ and barcode, in folders by template."""

    kind: Literal["ids"] = "ids"  # Kind of demo data.
    train_per_template: Count = 80  # Train images of each template.
    val_per_template: Count = 30  # Validation images of each template.


_DRAWN_IN = {"portraits": Layout.CELEBA, "documents": Layout.RVL_CDIP, "ids": Layout.FOLDER}
Demo = Annotated[PortraitsDemo | DocumentsDemo | IdsDemo, Field(discriminator="kind")]


class OwnSplit(Settings):
    """A split made here, for data without an official one (or for a part of CelebA)."""

    validation: Annotated[float, Field(gt=0.0, le=1.0)] = 0.2
    """Share of the images (or groups) in the validation split; 1.0 is possible if nothing is
    trained."""
    by: str | None = None
    """Label column whose values are never divided between the splits, such as `identity`."""


class PathPart(Settings):
    """Clusters named by a folder of the images' paths."""

    path_part: int
    """Place of the folder in an image's path: 1 is the first, 2 the second, -1 the folder that
    holds the image."""

    @field_validator("path_part")
    @classmethod
    def _names_a_folder(cls, value: int) -> int:
        if value == 0:
            raise ValueError("folders are counted from 1, or from -1 backwards")
        return value


class DataSource(Settings):
    """Where a data set's images, splits and labels come from: all that its manifest depends on."""

    layout: Layout
    """`celeba`, `rvl_cdip`, `folder` (class folders or flat) or `table` (CSV or Parquet with path,
    split and labels)."""
    path: Place  # Folder of the data set, or file of the table, which is only read.
    demo: Demo | None = None  # Demo data to draw at `path` first.
    images: Literal["aligned", "wild"] = "aligned"
    """CelebA only: `aligned` (img_align_celeba) or `wild` (img_celeba)."""
    split: Literal["official"] | OwnSplit = "official"
    """`official`: the publisher's split (in a folder: `train` and `val`), or a section for a split
    made here."""
    subset: Count | None = None
    """Number of images to use in all splits together, drawn by a hash of their ids."""
    pdf_dpi: Annotated[int, Field(ge=36, le=1200)] = 150
    """Resolution at which pages of PDF files are drawn, in pixels per inch."""
    label: str | None = None
    """Label column of the downstream task, such as `class` or CelebA's `Male`; without it there is
    no such task."""
    attributes: tuple[str, ...] = ()
    """Further label columns that the attack `inference` predicts, such as `Smiling`."""
    given: dict[Name, Place] = Field(default_factory=dict)
    """Folders of images anonymized by other programs, keyed by program; each is judged as the
    method `given_<program>`."""
    cluster: str | PathPart = AUTO
    """How to group dependent images: a label column, `{ path_part: 1 }`, `none` or `auto`;
    intervals count these clusters."""

    def _contradictions(self) -> Iterator[str]:
        named = [name for name in (self.label, *self.attributes) if name is not None]
        if len(set(named)) < len(named):
            yield f"label and attributes name a column twice: {', '.join(named)}"
        if self.demo is not None and self.layout is not (layout := _DRAWN_IN[self.demo.kind]):
            yield f"demo: {self.demo.kind} are drawn in the layout {layout}"
        if self.images == "wild" and (self.layout is not Layout.CELEBA or self.demo is not None):
            yield "images: only the real CelebA has images in the wild"

    @property
    def given_methods(self) -> tuple[str, ...]:
        """Names of other programs' pictures as methods."""
        return tuple(f"{GIVEN}{program}" for program in self.given)

    @property
    def is_all_validation(self) -> bool:
        """Whether no image is left to train on."""
        return isinstance(self.split, OwnSplit) and self.split.validation == 1.0

    @property
    def is_classified(self) -> bool:
        """Whether there is a downstream task: labels, and train images to learn them from."""
        return self.label is not None and not self.is_all_validation


class Dataset(DataSource):
    """A data set with its detectors, methods and models."""

    enabled: bool = True  # Include the data set in the experiment.
    paper_role: PaperRole | None = None
    """Data set of the paper that this one is or replaces; it decides which of the paper's tables
    are made."""
    detectors: Annotated[tuple[Annotated[str, DETECTORS], ...], Field(min_length=1)]
    """Detectors to use together, such as `[centerface, ppocr]`."""
    boxes: Place | None = None
    """Boxes for the detector `boxes`: CSV, Parquet or COCO JSON with the `id` or `path` of
    each image."""
    templates: Place | None = None
    """Folder of template images with annotations, for the detector `template`."""
    corrections: Place | None = None
    """CSV of boxes to add to the detectors' findings or to remove from them."""
    truth: Place | None = None  # True boxes for measuring the detectors, in the format of `boxes`.
    methods: Annotated[tuple[MethodName, ...], Field(min_length=1)] = tuple(Method)
    """Anonymization methods and their strengths (`<method>_<strength>`)."""
    degrees: Annotated[tuple[Degree, ...], Field(min_length=1)] = (100,)
    """Percentages of an image's regions to anonymize; each degree is a separate image set."""
    system: Name | None = None
    """System under test, a key of `systems`; A, B and C are then not trained."""
    adaptions: tuple[
        Literal[Adaption.A, Adaption.B, Adaption.C, Adaption.D, Adaption.MAPPED], ...
    ] = (Adaption.A, Adaption.B, Adaption.C)
    """Trained adaptions (A to D), and `mapped`, which maps hidden images' vectors; a `system`
    allows only `mapped`, and D if its weights are available (`low_rank`)."""
    redrawn: tuple[MethodName, ...] = ()
    """Methods whose hidden regions a network redraws to restore the ranking, as methods
    `redrawn_<method>`."""
    recipe: str = "default"  # Training recipe, a key of `recipes`.
    keep_without_regions: bool = False
    """Include images in which nothing was found (the paper drops them)."""
    keep_failed: bool = False
    """Include images on which a detector failed, which may show what it would have hidden."""
    anonymized_first: str | None = None
    """Label column, such as a year, whose lowest values are anonymized first in a mixed archive; by
    default a hash of ids decides."""
    shard_size: Count = 4096  # Approximate number of images in one shard.

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_adapted(cls, given: Any) -> Any:
        """Drop the default adaptions of a data set without trainings."""
        if not isinstance(given, Mapping) or given.get("system") is None:
            return given
        adaptions = given.get("adaptions")
        if not adaptions:
            return {**given, "adaptions": ()}
        listed = adaptions if isinstance(adaptions, list | tuple) else [adaptions]
        if not all(isinstance(each, str) and each in COMPATIBLE for each in listed):
            raise ValueError(
                "system and adaptions: a system is measured as it is, and only `mapped` and D are "
                "possible; give these or leave `adaptions` out, or leave `system` out and "
                "train from its weights (recipes.<name>.backbone.pretrained)"
            )
        return given

    def _contradictions(self) -> Iterator[str]:
        yield from super()._contradictions()
        if self.redrawn:
            if not self.is_trained:
                yield (
                    "redrawn: regions are drawn for an unadapted model that is trained here, and "
                    "with a `system` there is none; leave `redrawn` out"
                )
            if others := [name for name in self.redrawn if name not in self.methods]:
                yield f"redrawn: {others[0]} is none of the data set's methods; add it to `methods`"
            if 100 not in self.degrees:
                yield "redrawn: regions are redrawn at 100 %; add 100 to `degrees`"
        if self.is_all_validation and self.is_trained:
            yield (
                "split.validation: 1.0 leaves no image to train on; choose a smaller share, or "
                "name a `system` that is measured as it is"
            )
        if self.is_all_validation and Adaption.D in self.adaptions:
            yield (
                "split.validation: 1.0 leaves no image for adaption D to learn from; choose a "
                "smaller share, or `adaptions: [mapped]`"
            )
        for detector, field in (("boxes", "boxes"), ("template", "templates")):
            if (detector in self.detectors) != (getattr(self, field) is not None):
                yield f"the detector {detector} and the setting {field} need each other"
        for field in ("detectors", "methods", "degrees", "adaptions", "redrawn"):
            values = getattr(self, field)
            if len(set(values)) < len(values):
                yield f"{field} names something twice: {', '.join(map(str, values))}"
        if self.given and 100 not in self.degrees:
            yield "given: pictures of other programs are compared at 100 %; add 100 to `degrees`"
        if taken := [name for name in self.unaudited_methods if name in METHODS]:
            yield (
                f"given and redrawn: a method is called {taken[0]} already; give the program "
                "another name, or leave it out"
            )

    @property
    def is_mapped(self) -> bool:
        """Whether vectors of hidden images are also mapped."""
        return Adaption.MAPPED in self.adaptions

    @property
    def trained_adaptions(self) -> tuple[Adaption, ...]:
        """Adaptions that are trained."""
        return tuple(each for each in self.adaptions if each != Adaption.MAPPED)

    @property
    def is_trained(self) -> bool:
        """Whether models are trained on it: it has no system."""
        return self.system is None

    @property
    def unaudited_methods(self) -> tuple[str, ...]:
        """Names of other programs' and of redrawn pictures as methods."""
        return (*self.given_methods, *(f"{REDRAWN}{method}" for method in self.redrawn))

    @property
    def all_methods(self) -> tuple[str, ...]:
        """All methods, including other programs' and redrawn pictures."""
        return (*map(str, self.methods), *self.unaudited_methods)
