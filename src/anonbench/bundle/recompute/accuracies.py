"""Accuracies made again from embeddings."""

from __future__ import annotations

import pandas as pd

from anonbench.bundle.agreement import Agreement, joined, of_csv, of_frames
from anonbench.bundle.contents import START
from anonbench.bundle.recompute.unpacked import Bundle, of_json
from anonbench.datasets.clusters import read_clusters

_OF_A_CLASSIFIER = ("train", "val", "chance", "unlabelled", "knn", "k", "linear")


def downstream(bundle: Bundle, name: str) -> Agreement | None:
    """Fit the classifiers again from the embeddings; None where those of training are not there."""
    from anonbench.evaluation.downstream.evaluate import evaluate_downstream

    start = bundle.folder / START / name
    label, manifest = bundle.config.datasets[name].label, start / "manifest.parquet"
    grouped = bundle.carried(f"{name}/clusters.parquet")
    if label is None or not (manifest.is_file() and grouped.is_file()):
        return None
    clusters = read_clusters(grouped)
    labels = pd.read_parquet(manifest, columns=["id", label]).rename(columns={label: "label"})
    found = []
    for scenario in bundle.scenarios(name, "downstream/{}.parquet", "downstream/{}.json"):
        path = f"{name}/downstream/{scenario}"
        embeddings = [start / "embeddings" / scenario / f"{s}.h5" for s in ("train", "val")]
        if not all(file.is_file() for file in embeddings):
            continue
        outputs = [bundle.again(f"{path}{end}") for end in (".parquet", ".json", ".confusion.csv")]
        train, val = embeddings
        evaluate_downstream(
            train, val, labels, clusters, bundle.config.downstream, bundle.config.seed, *outputs
        )
        known = pd.read_parquet(bundle.carried(f"{path}.parquet"))
        again = pd.read_parquet(outputs[0])
        found += [
            of_frames("downstream", f"{path}.parquet", known, again),
            of_json("downstream", bundle, f"{path}.json", outputs[1], _OF_A_CLASSIFIER),
        ]
        confusion = f"{path}.confusion.csv"
        if bundle.carried(confusion).is_file():
            found.append(of_csv("downstream", confusion, bundle.carried(confusion), outputs[2]))
    return joined("downstream", name, found) if found else None
