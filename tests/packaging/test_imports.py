"""What is loaded: no more than is needed, since a load takes longer than most jobs do."""

from pathlib import Path

import pytest

from processes import python

IN_TURN = """
import sys
from pathlib import Path

def without(*names):
    assert not (found := [name for name in names if name in sys.modules]), found

import anonbench.training.data.augment
import anonbench.training.data.batch
without("cv2", "pandas", "pydantic", "timm", "PIL")

import anonbench.config
without("cv2", "pandas", "timm", "PIL")

import anonbench.embedding.extract
import torch
from anonbench.config.training import Backbone, Recipe
from anonbench.training.loop.metrics_log import MetricsLog
from anonbench.training.model.backbone import build_backbone
build_backbone(Backbone(), 40)
MetricsLog(Path(sys.argv[1]), Recipe(tensorboard=False), torch.device("cpu"), 0).close()
without("timm", "torchvision", "torch._dynamo", "tensorboard")

MetricsLog(Path(sys.argv[1]), Recipe(tensorboard=True), torch.device("cpu"), 0).close()
assert "tensorboard" in sys.modules
"""


@pytest.mark.slow
def test_a_training_loads_what_it_needs(tmp_path: Path) -> None:
    done = python(IN_TURN, tmp_path)
    assert done.returncode == 0, done.stderr


WITHOUT_TORCH = """
import sys
import anonbench.detection.shard
found = {"torch", "torchvision", "onnxruntime", "zxingcpp", "sklearn"} & sys.modules.keys()
assert not found, found
import anonbench.embedding.attention_maps
import anonbench.workflow.planned_jobs
assert "torch" not in sys.modules
"""


@pytest.mark.slow
def test_jobs_that_learn_nothing_load_no_torch() -> None:
    done = python(WITHOUT_TORCH)
    assert done.returncode == 0, done.stderr
