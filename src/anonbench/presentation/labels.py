"""How methods, models and metrics are called and ordered wherever people read them."""

from __future__ import annotations

from anonbench.vocabulary import CONTROL

METHODS = {"pixelate": "Pixelate", "blur": "Blur", "mask": "Mask"}
ADAPTIONS = {
    "unadapted": "Unadapted",
    CONTROL: "Unadapted, retrained",
    "A": "A",
    "B": "B",
    "C": "C",
}
QUERIES = {"original": "With original query images", "anonymized": "With anonymized query images"}
RETRIEVAL_METRICS = {"map": "mAP", "mndcg": "mnDCG"}
ACCURACIES = {"knn": "k-NN", "linear": "Linear"}
ENTITIES = {"face": "Face", "text": "Text", "barcode": "Barcode", "mrz": "MRZ"}
DETECTORS = {
    "mtcnn": "MTCNN",
    "face_onnx": "Face model (ONNX)",
    "ppocr": "PP-OCR",
    "zxing": "ZXing",
    "mrz": "MRZ",
    "template": "Templates",
    "boxes": "Boxes from a file",
}
NOT_RUN = "not run"


def metric_label(metric: str, k: int | None = None) -> str:
    """Return a metric's name as a table heads it, with the cut-off of mnDCG where it is known."""
    if metric == "mndcg" and k is not None:
        return f"mnDCG@{k}"
    return (RETRIEVAL_METRICS | ACCURACIES)[metric]


def count(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 seed``, ``2 seeds``, ``3 queries``, ``1,234 images``."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {noun if number == 1 else plural}"
