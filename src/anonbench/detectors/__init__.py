"""Detectors: images in, sensitive regions out. One interface, one registry, one job per shard."""

from anonbench.detectors.base import Detector
from anonbench.detectors.registry import build

__all__ = ["Detector", "build"]
