"""Evidence for policies, synthetic, in the shape that the workflow writes."""

from typing import Any

import pandas as pd

from anonbench.anonymization.published import COLUMNS as AUDIT_COLUMNS
from anonbench.config import Anonymization
from anonbench.core.registries.methods import METHODS
from anonbench.core.vocabulary import Entity
from anonbench.detection.quality import SUMMARY_COLUMNS
from anonbench.evaluation.policy.evidence import Measured
from anonbench.evaluation.privacy.attacks.table import COLUMNS as ATTACK_COLUMNS
from synthetic_rates import make_rates


def make_audit(variants: tuple[str, ...], **more: int) -> pd.DataFrame:
    """Return the audit of variants with 100 validation images each."""
    row = dict.fromkeys(AUDIT_COLUMNS, 0) | {"split": "val", "images": 100, "used": 100} | more
    rows = [row | {"variant": variant} for variant in variants]
    return pd.DataFrame(rows, columns=AUDIT_COLUMNS)


def make_coverage(
    low: float = 0.98, images: int = 200, entity: str = "face", clusters: int = 0
) -> pd.DataFrame:
    """Return that a little more than `low` of the true area is covered."""
    row = (entity, "covered", min(low + 0.005, 1.0), low, min(low + 0.01, 1.0), images)
    row += (clusters or images, 300, 300)
    return pd.DataFrame([row], columns=SUMMARY_COLUMNS)


def make_attacks(
    dataset: str,
    variants: tuple[str, ...],
    rates: dict[str, float],
    **more: Any,
) -> pd.DataFrame:
    """Return attacks with intervals of ± 1 point on each variant, and on originals with success."""
    rows = []
    for variant in ("original-0", *variants):
        method, _, degree = variant.rpartition("-")
        for attack, rate in rates.items():
            value = 0.9 if method == "original" else rate
            row: dict[str, Any] = {"dataset": dataset, "attack": attack, "measure": "found"}
            row |= {"entity": "", "risk": "singling_out", "method": method, "degree": int(degree)}
            row |= {"rate": value, "low": max(value - 0.01, 0.0), "high": value + 0.01}
            row |= {"control": 0.01, "chance": 0.01, "n": 200, "clusters": 100, "reason": ""}
            rows.append(row | more)
    return pd.DataFrame(rows, columns=ATTACK_COLUMNS)


def make_measured(
    variants: tuple[str, ...] = ("mask-100",), dataset: str = "portraits", **more: Any
) -> Measured:
    """Return what passes the default policy where its method is mask, and degrees are 100 %."""
    hidden = {"residual": 0.02, "readability": 0.0, "barcodes": 0.0}
    degrees = tuple(sorted({int(variant.rpartition("-")[2]) for variant in variants}))
    rates = make_rates(dataset, degrees)
    rates["low"], rates["high"] = rates["rate"] - 0.005, rates["rate"] + 0.03
    usual = Anonymization()
    left = {
        name: {str(entity): usual.information_left(name, entity) for entity in Entity}
        for name in METHODS
    }
    given: dict[str, Any] = {
        "dataset": dataset,
        "sought": ("face",),
        "variants": variants,
        "methods": usual.model_dump(mode="json"),
        "information_left": left,
        "audit": make_audit(variants),
        "quality": make_coverage(),
        "rates": rates,
        "attacks": make_attacks(dataset, variants, hidden),
    }
    return Measured(**given | more)
