"""Our data sets that stand for the paper's, for every start of the workflow: without pandas."""

from dataclasses import dataclass
from importlib import resources

from anonbench.config import Config, Dataset, Layout, OwnSplit, PaperRole
from anonbench.core.vocabulary import Adaption

PUBLISHED = resources.files("anonbench.reporting.paper").joinpath("published.csv")
ROLE_NAMES = dict(zip(map(str, PaperRole), ("CelebA", "RVL-CDIP", "DOKIQ"), strict=True))
SCENARIO_TABLES = dict(zip(("II", "III", "IV"), PaperRole, strict=True))
"""The paper's tables that define scenarios, and their data sets."""


@dataclass(frozen=True)
class OurData:
    """A data set of ours that has a role in the paper, with the part of the paper it covers."""

    name: str
    role: str
    degrees: tuple[int, ...]
    methods: tuple[str, ...]
    adaptions: tuple[str, ...]
    labelled: bool
    stand_in: str
    """Reason why it is not the paper's data set; empty if it is, as far as the config tells."""


def our_data(config: Config) -> list[OurData]:
    """Enabled data sets that have a `paper_role`, in the config's order."""
    return [
        OurData(
            name=name,
            role=dataset.paper_role.value,
            degrees=tuple(sorted(dataset.degrees)),
            methods=tuple(str(method) for method in dataset.methods),
            adaptions=(Adaption.UNADAPTED.value, *(str(a) for a in dataset.adaptions)),
            labelled=dataset.is_classified,
            stand_in=stand_in(dataset),
        )
        for name, dataset in config.enabled.items()
        if dataset.paper_role is not None
    ]


def stand_in(dataset: Dataset) -> str:
    """Reason why a data set is not the paper's; empty if it may be."""
    layouts = {PaperRole.CELEBA: Layout.CELEBA, PaperRole.RVL_CDIP: Layout.RVL_CDIP}
    if dataset.demo is not None:
        return "generated data of the demo"
    if dataset.paper_role is PaperRole.DOKIQ:
        return "own documents (the paper's are internal)"
    assert dataset.paper_role is not None
    if dataset.layout is not layouts[dataset.paper_role]:
        return f"other data, in the layout {dataset.layout}"
    if dataset.subset is not None:
        return f"a part of {dataset.subset:,} images"
    if isinstance(dataset.split, OwnSplit):
        return "another split"
    return "the images in the wild" if dataset.images == "wild" else ""
