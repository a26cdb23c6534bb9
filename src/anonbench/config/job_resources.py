"""Threads, GPUs, memory and time requested by jobs, by the name of their script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from anonbench.config.resources import Estimates
from anonbench.core.vocabulary import UNADAPTED

Resources = dict[str, int | Callable[[Any], int | str | None]]
"""Numbers, or functions of a job's wildcards that return a number or None (no request)."""


def job_resources(estimates: Estimates) -> dict[str, Resources]:
    """Resources of jobs, where they differ from the defaults of all jobs.

    By script, then by resource: `threads`, `gpu`, `mem_mb` in megabytes, `runtime` in minutes, and
    options for an executor to start a training on several machines.
    """
    e = estimates

    def of(estimate: Callable[[str], int | str | None]) -> Callable[[Any], int | str | None]:
        return lambda w: estimate(w.dataset)

    def minutes(stage: str) -> Callable[[Any], int]:
        def asked(w: Any) -> int:
            return e.minutes(stage, w.dataset, w.get("split", "train"), w.get("model", UNADAPTED))

        return asked

    embedding: Resources = {"mem_mb": of(e.embedding_mb)}
    on_gpu: Resources = {"gpu": of(e.embedding_gpus)}
    ranking: Resources = {"mem_mb": of(e.retrieval_mb)}
    of_shard: Resources = {"runtime": minutes("anonymize")}
    return {
        "demo": {"runtime": 30},
        "manifest": {"threads": 2, "runtime": minutes("manifest")},
        "detect": {
            "threads": e.detection_threads(),
            "gpu": of(e.detection_gpus),
            "mem_mb": of(e.detection_mb),
            "runtime": minutes("detect"),
        },
        **{each: {"mem_mb": 4000, "runtime": 60} for each in ("match", "quality")},
        "sweep": {"mem_mb": 3000, "runtime": 60},
        "review": {"mem_mb": 4000},
        **dict.fromkeys(("anonymize", "given", "copy_originals"), of_shard),
        "train": {
            "threads": of(e.training_threads),
            "gpu": of(e.training_gpus),
            "nodes": lambda w: e.recipe(w.dataset).nodes,
            # unless told otherwise, Slurm's plugin starts a job as one task on one machine
            "mpi": lambda w: e.across_machines(w.dataset, "srun"),
            "tasks": lambda w: e.across_machines(w.dataset, e.recipe(w.dataset).nodes),
            "tasks_per_gpu": 0,
            "mem_mb": of(e.training_mb),
            "runtime": minutes("train"),
        },
        "train_redrawer": on_gpu
        | {"threads": lambda w: e.recipe(w.dataset).threads, "mem_mb": of(e.redrawing_mb)}
        | {"runtime": minutes("train_redrawer")},
        "redraw": on_gpu | {"runtime": minutes("redraw")},
        "embed": embedding | on_gpu | {"runtime": minutes("embed")},
        "attend": embedding | {"runtime": minutes("embed")},
        **dict.fromkeys(("untrained", "explore"), embedding),
        "map_vectors": {"mem_mb": of(e.map_mb), "runtime": minutes("map_vectors")},
        "embed_pixels": {"mem_mb": of(e.pixels_mb), "runtime": minutes("embed_pixels")},
        "retrieve": ranking
        | {"threads": of(e.retrieval_threads), "gpu": e.retrieval_gpus()}
        | {"runtime": minutes("retrieve")},
        "second_rankings": ranking,
        "trainings": {"mem_mb": of(e.trainings_mb), "runtime": 60},
        "deployments": {"mem_mb": of(e.deployments_mb), "runtime": minutes("deployments")},
        "downstream": {
            "threads": lambda w: e.downstream_threads(w.dataset, w.model),
            "mem_mb": lambda w: e.downstream_mb(w.dataset, w.model),
            "runtime": minutes("downstream"),
        },
        "best": {"runtime": 60},
        "reidentify": on_gpu
        | {"threads": of(e.attack_threads), "mem_mb": of(e.attack_mb)}
        | {"runtime": minutes("reidentify")},
        "attack": {"mem_mb": 4000, "runtime": minutes("attack")},
    }
