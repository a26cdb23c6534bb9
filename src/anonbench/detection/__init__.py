"""Detectors: images in, sensitive regions out. One interface, one registry, one job per shard."""

from anonbench.detection.base import Detector
from anonbench.detection.registry import build

__all__ = ["Detector", "build"]
