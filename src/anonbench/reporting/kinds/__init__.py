"""The built-in tables of each data set."""

from __future__ import annotations

from anonbench.core.registries.tables import ResultTable
from anonbench.reporting.kinds.attacks import Attacks
from anonbench.reporting.kinds.corrected import Corrected
from anonbench.reporting.kinds.deployments import Deployments
from anonbench.reporting.kinds.front_area import FrontArea
from anonbench.reporting.kinds.given import Given
from anonbench.reporting.kinds.mapped import Mapped
from anonbench.reporting.kinds.policy import Policy
from anonbench.reporting.kinds.reidentification import Reidentification
from anonbench.reporting.kinds.sample_sizes import SampleSizes
from anonbench.reporting.kinds.trainings import Trainings

BUILT_IN = (
    Policy,
    FrontArea,
    Corrected,
    Reidentification,
    Attacks,
    Mapped,
    Trainings,
    SampleSizes,
    Deployments,
    Given,
)
KINDS: dict[str, type[ResultTable]] = {each.name: each for each in BUILT_IN}
