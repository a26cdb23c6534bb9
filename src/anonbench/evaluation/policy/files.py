"""The policy's table of a data set, from the files of its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from anonbench.config.policy import Policy
from anonbench.core.io import write_csv
from anonbench.evaluation.policy.evidence import Measured, evidence
from anonbench.evaluation.policy.verdicts import judge
from anonbench.evaluation.privacy.attacks.table import read_attacks
from anonbench.evaluation.privacy.rates import read_rates


def judge_dataset(
    dataset: str,
    variants: Sequence[str],
    sought: Sequence[str],
    settings: Mapping[str, Any],
    files: Mapping[str, Path],
    output: Path,
) -> pd.DataFrame:
    """Write and return the verdict on each variant and rule of a data set.

    Args:
        dataset: its name.
        variants: to be judged, such as `mask-100`.
        sought: entities that its detectors look for.
        settings: `policy`, `methods` (the section `anonymization`), `applied` (of methods that
            apply others), `residues`, and `settings` with the confidence and widest interval of a
            rate (`anonbench.config.stage_parameters.policy`).
        files: `audit`, and `quality`, `in_sight`, `rates` and `attacks` where there are such.
        output: the CSV, columns `anonbench.evaluation.policy.verdicts.JUDGED`.

    """
    shown = settings["settings"]
    measured = Measured(
        dataset=dataset,
        sought=tuple(sought),
        variants=tuple(variants),
        applied=settings["applied"],
        residues=settings["residues"],
        methods=settings["methods"],
        audit=pd.read_csv(files["audit"]),
        quality=pd.read_csv(files["quality"]) if "quality" in files else None,
        in_sight=pd.read_csv(files["in_sight"]) if "in_sight" in files else None,
        rates=read_rates(files["rates"]) if "rates" in files else None,
        attacks=read_attacks(files["attacks"]) if "attacks" in files else None,
        widest=shown["widest_interval"],
        confidence=shown["confidence"],
    )
    judged = judge(evidence(measured), Policy.model_validate(settings["policy"]))
    write_csv(judged, output)
    return judged
