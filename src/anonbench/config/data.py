"""Settings of data sets."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from anonbench.config.detectors import AnyDetector
from anonbench.config.strengths import MethodName
from anonbench.core.registries.method_names import GIVEN, REDRAWN
from anonbench.core.registries.methods import METHODS
from anonbench.core.settings import Count, Place, Settings
from anonbench.core.vocabulary import Adaption, Method

Degree = Annotated[int, Field(ge=1, le=100)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
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

    kind: Literal["portraits"] = "portraits"
    train_identities: Count = 100
    """Identities that occur in the train split only."""
    val_identities: Count = 40
    """Identities that occur in the validation split only."""
    photos: Count = 6
    """Photos of each identity."""


class DocumentsDemo(Settings):
    """Drawn office documents in RVL-CDIP's layout, 16 classes, grey-level TIFF."""

    kind: Literal["documents"] = "documents"
    train_per_class: Count = 40
    """Train images of each of the 16 classes."""
    val_per_class: Count = 15
    """Validation images of each of the 16 classes."""


class IdsDemo(Settings):
    """Drawn ID documents with portrait, fields, MRZ and barcode, in folders by template."""

    kind: Literal["ids"] = "ids"
    train_per_template: Count = 80
    """Train images of each template."""
    val_per_template: Count = 30
    """Validation images of each template."""


Demo = Annotated[PortraitsDemo | DocumentsDemo | IdsDemo, Field(discriminator="kind")]


class OwnSplit(Settings):
    """A split made here, for data without an official one (or for a part of CelebA)."""

    validation: Annotated[float, Field(gt=0.0, le=1.0)] = 0.2
    """Share of the images (or groups) that becomes the validation split. All of them (1.0) where
    nothing is trained, which needs a `system` or `drift_from`; then there is no downstream task
    either."""
    by: str | None = None
    """Label column whose values are kept together on one side, for example `identity`."""


class PathPart(Settings):
    """Clusters named by a folder of the images' paths."""

    path_part: int
    """Place of the folder in the manifest's `path`: 1 is the first, 2 the one inside it, -1 the
    folder that the image is in. Folders of one name in different folders are different clusters."""

    @field_validator("path_part")
    @classmethod
    def _names_a_folder(cls, value: int) -> int:
        if value == 0:
            raise ValueError("folders are counted from 1, or from -1 backwards")
        return value


class DataSource(Settings):
    """Where a data set's images, splits and labels come from: all that its manifest depends on."""

    layout: Layout
    """celeba, rvl_cdip, folder (class folders or flat) or table (CSV, Parquet: path, split, …)."""
    path: Place
    """Folder of the data set, or the table's file. Never written to. Every file below the folder is
    used, or listed in `skipped.csv` with a reason."""
    demo: Demo | None = None
    """Generate the data at `path` first (the demo)."""
    images: Literal["aligned", "wild"] = "aligned"
    """CelebA only: img_align_celeba or img_celeba."""
    split: Literal["official"] | OwnSplit = "official"
    """The publisher's split, or one made here. In a folder: its sub-folders `train` and `val`. An
    image of train whose bytes val has too is left out."""
    subset: Count | None = None
    """Use only this many images, drawn by a hash of their ids (all splits together)."""
    pdf_dpi: Annotated[int, Field(ge=36, le=1200)] = 150
    """Resolution at which pages of PDF files are drawn, in pixels an inch (A4: 1241 × 1754)."""
    label: str | None = None
    """Label column for k-NN and linear accuracy (celeba: an attribute such as `Male`; rvl_cdip and
    folder: `class`). Without it the data set has no downstream task."""
    attributes: tuple[str, ...] = ()
    """Further label columns, such as `Smiling` and `Eyeglasses`: the attack `inference` predicts
    each from published vectors, as it does the label. Nothing else reads them."""
    given: dict[Name, Place] = Field(default_factory=dict)
    """Folders of pictures that other programs have anonymized, by program: each picture has its
    original's path below `path`, or its id, whatever its image format. They are judged as a method
    called `given_<program>` at 100 %. An image without such a picture of its own size is left out
    of all image sets, and says why in `skipped.csv`."""
    cluster: str | PathPart = AUTO
    """Images that are no independent evidence, such as photos of one person: intervals count
    clusters, not images. A label column (`identity`), a folder of the path (`{ path_part: 1 }`),
    `none`, or `auto`: the column of `split.by`, else of the person (`privacy.identity`), else the
    first of identity, case, document, template and class that the data set has."""

    @model_validator(mode="after")
    def _attributes_are_others(self) -> Self:
        named = [name for name in (self.label, *self.attributes) if name is not None]
        if len(set(named)) < len(named):
            raise ValueError(f"label and attributes name a column twice: {', '.join(named)}")
        return self

    @model_validator(mode="after")
    def _layout_fits(self) -> Self:
        drawn = {
            "portraits": Layout.CELEBA,
            "documents": Layout.RVL_CDIP,
            "ids": Layout.FOLDER,
        }
        if self.demo is not None and self.layout is not (layout := drawn[self.demo.kind]):
            raise ValueError(f"demo: {self.demo.kind} are drawn in the layout {layout}")
        if self.images == "wild" and (self.layout is not Layout.CELEBA or self.demo is not None):
            raise ValueError("images: only the real CelebA has images in the wild")
        return self

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
    """One data set and what is done with it."""

    enabled: bool = True
    """Whether the data set is part of the experiment."""
    paper_role: PaperRole | None = None
    """Which data set of the paper this is or stands in for; gives it that data set's tables."""
    detectors: Annotated[tuple[AnyDetector, ...], Field(min_length=1)]
    """Detectors whose regions are anonymized together."""
    boxes: Place | None = None
    """For the detector `boxes`: a file of your own (CSV, Parquet, COCO or VIA JSON), which names
    images exactly, by `id` or by `path`."""
    templates: Place | None = None
    """For the detector `template`: a folder of template images with their annotations."""
    corrections: Place | None = None
    """CSV of boxes to add to, and to remove from, what the detectors find."""
    truth: Place | None = None
    """True boxes (as `boxes`), to measure the detectors by."""
    unmatched: Literal["refuse", "record"] = "refuse"
    """A row of boxes, corrections or truth that names no image of the data set, or several, ends
    the run; `record` leaves it out, says so and lists it in `unmatched.csv`. What it marks may
    then stay visible."""
    methods: Annotated[tuple[MethodName, ...], Field(min_length=1)] = tuple(Method)
    """Anonymization methods, and strengths of them (`anonymization.strengths`) as
    `<method>_<strength>`; those of the paper where none are named, whatever others there are."""
    degrees: Annotated[tuple[Degree, ...], Field(min_length=1)] = (100,)
    """Percent of an image's regions that is anonymized; every degree is a set of its own."""
    system: Name | None = None
    """A system under test, a key of `systems`. It is measured as it is: nothing is trained, and of
    the `adaptions` only `mapped` is possible."""
    drift_from: Name | None = None
    """Another data set that was evaluated: the target `drift` compares this one with it, and says
    whether the evaluation has to be repeated. Both have the same `system`, or neither has one: then
    the other one's trained models embed this one, and nothing is trained on it."""
    adaptions: tuple[
        Literal[Adaption.A, Adaption.B, Adaption.C, Adaption.D, Adaption.MAPPED], ...
    ] = (
        Adaption.A,
        Adaption.B,
        Adaption.C,
    )
    """Adaptions to every variant: A, B, C and D are trained (the unadapted model always is), D as a
    copy of the unadapted model that learns to embed hidden crops as that one embeds the originals';
    `mapped` maps the unadapted model's vectors of hidden images to where their originals' would be,
    learned from train images in seconds. With a `system` only `mapped`, with `drift_from` none."""
    redrawn: tuple[MethodName, ...] = ()
    """Methods of this data set whose pictures are also redrawn: a network (`redrawing`) learns
    to draw what is hidden so that the unadapted model embeds the picture as its original. They are
    judged as a method called `redrawn_<method>` at 100 %, by that model: no other is trained on
    them."""
    recipe: str = "default"
    """Name of the training recipe, a key of `recipes`."""
    keep_without_regions: bool = False
    """Keep images in which nothing was found (the paper drops them)."""
    keep_failed: bool = False
    """Keep images on which a detector failed, with what the others found; else they are left out.
    They may show what that detector would have hidden."""
    anonymized_first: str | None = None
    """Label column that tells which images of a mixed archive (`deployments`) are anonymized first,
    such as `year`: the lowest value. Without one they are drawn. Clusters stay together."""
    copy_originals: bool = False
    """Copy the originals into the results, for data on a slow file system: full copies, which only
    their owner may read. Without it they are read where they are. `anonbench originals` lists and
    removes copies."""
    shard_size: Count = 4096
    """Images in one shard, about: the number of shards is the next power of two, and an image's
    shard depends on its id alone, so that an added image changes one shard."""

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_adapted(cls, given: Any) -> Any:
        """Drop the default adaptions of a data set without trainings."""
        if not isinstance(given, Mapping):
            return given
        if given.get("system") is None and given.get("drift_from") is None:
            return given
        is_mapped = list(given.get("adaptions") or ()) == [Adaption.MAPPED.value]
        if is_mapped and given.get("system") is not None and given.get("drift_from") is None:
            return given
        if given.get("adaptions") and given.get("system") is None:
            raise ValueError(
                "drift_from and adaptions: nothing is trained on a batch, which the models of "
                "`drift_from` embed; leave `adaptions` out"
            )
        if given.get("adaptions"):
            raise ValueError(
                "system and adaptions: a system is measured as it is, and never trained; leave "
                "`adaptions` out or give `[mapped]`, or leave `system` out and train from its "
                "weights (recipes.<name>.backbone.pretrained)"
            )
        return {**given, "adaptions": ()}

    @model_validator(mode="after")
    def _redrawn_can_be(self) -> Self:
        if not self.redrawn:
            return self
        if not self.is_trained:
            raise ValueError(
                "redrawn: regions are drawn for an unadapted model that is trained here, and with "
                "`system` or `drift_from` there is none; leave `redrawn` out"
            )
        if others := [name for name in self.redrawn if name not in self.methods]:
            raise ValueError(
                f"redrawn: {others[0]} is none of the data set's methods; add it to `methods`"
            )
        if 100 not in self.degrees:
            raise ValueError("redrawn: regions are redrawn at 100 %; add 100 to `degrees`")
        if taken := [name for name in self.redrawn_methods if name in METHODS]:
            raise ValueError(f"redrawn: a method is called {taken[0]} already; leave it out")
        return self

    @model_validator(mode="after")
    def _training_needs_images(self) -> Self:
        if self.is_all_validation and self.is_trained:
            raise ValueError(
                "split.validation: 1.0 leaves no image to train on; choose a smaller share, or "
                "name a `system` that is measured as it is"
            )
        return self

    @model_validator(mode="after")
    def _no_duplicates(self) -> Self:
        for name in ("boxes", "template"):
            field = "templates" if name == "template" else name
            if (name in self.detectors) != (getattr(self, field) is not None):
                raise ValueError(f"the detector {name} and the setting {field} need each other")
        for field in ("detectors", "methods", "degrees", "adaptions", "redrawn"):
            values = getattr(self, field)
            if len(set(values)) < len(values):
                raise ValueError(f"{field} names something twice: {', '.join(map(str, values))}")
        return self

    @model_validator(mode="after")
    def _given_stand_at_100(self) -> Self:
        if self.given and 100 not in self.degrees:
            raise ValueError(
                "given: pictures of other programs are compared at 100 %; add 100 to `degrees`"
            )
        if taken := [name for name in self.given_methods if name in METHODS]:
            raise ValueError(f"given: a method is called {taken[0]}; give the program another name")
        return self

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
        """Whether models are trained on it: no system, and no models of another data set."""
        return self.system is None and self.drift_from is None

    @property
    def redrawn_methods(self) -> tuple[str, ...]:
        """Names of redrawn pictures as methods."""
        return tuple(f"{REDRAWN}{method}" for method in self.redrawn)

    @property
    def unaudited_methods(self) -> tuple[str, ...]:
        """Names of other programs' and of redrawn pictures as methods."""
        return (*self.given_methods, *self.redrawn_methods)

    @property
    def all_methods(self) -> tuple[str, ...]:
        """All methods, including other programs' and redrawn pictures."""
        return (*map(str, self.methods), *self.unaudited_methods)
