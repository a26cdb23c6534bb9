"""Replacement of non-maximum suppression where torchvision's compiled operators do not load.

A CPU build of torch beside a CUDA build of torchvision (or the reverse) lacks `torchvision::nms`:
then `import torchvision` fails, and timm, lightly and facenet-pytorch with it. Call
`install_torchvision_ops` before any of them is imported. Where the compiled operators load, they
are used and nothing is registered.
"""

import importlib
import importlib.util
from functools import cache
from importlib.machinery import PathFinder
from typing import Any

import numpy as np
import torch


def nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Return the boxes that non-maximum suppression keeps, as torchvision defines it.

    Not OpenCV's NMSBoxes, which rounds differently.

    Boxes are float [N, 4], corners x0, y0, x1, y1, scores float [N]; of equal scores the earlier
    box wins. A box goes if its overlap (IoU) with a better one is above the threshold. Returned are
    indices by falling score, int64 [K].
    """
    order = torch.sort(scores, stable=True, descending=True).indices.cpu().numpy()
    corners = boxes.detach().cpu().numpy()[order]
    # float64, so that a float32 overlap is compared with the threshold unrounded
    threshold = np.float64(iou_threshold)
    low, high = corners[:, :2], corners[:, 2:]
    sides = high - low
    areas = sides[:, 0] * sides[:, 1]
    kept: list[int] = []
    left = np.arange(len(order))
    while left.size:
        best, left = left[0], left[1:]
        kept.append(order[best])
        overlap = np.minimum(high[best], high[left]) - np.maximum(low[best], low[left])
        np.maximum(overlap, 0, out=overlap)
        shared = overlap[:, 0] * overlap[:, 1]
        with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0 is no overlap
            iou = shared / (areas[best] + areas[left] - shared)
        left = left[~(iou > threshold)]
    return torch.as_tensor(kept, dtype=torch.int64, device=boxes.device)


_libraries: list[torch.library.Library] = []  # a registration ends with its object


@cache
def install_torchvision_ops() -> bool:
    """Make torchvision importable; return whether its compiled operators had to be replaced.

    Only `nms` gets an implementation: any other missing operator still fails when it is called.
    """
    if not _compiled_operators_missing():
        return False
    untyped: Any = torch.library
    library = untyped.Library("torchvision", "FRAGMENT")
    _libraries.append(library)
    # torchvision describes both to the compiler when it is imported, so both must exist before
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl("nms", nms, "CompositeExplicitAutograd")
    boxes: Any = importlib.import_module("torchvision.ops.boxes")
    boxes._assert_has_ops = lambda: None
    return True


def _compiled_operators_missing() -> bool:
    package = importlib.util.find_spec("torchvision")  # located, not imported
    if package is None:
        return False
    compiled = PathFinder.find_spec("_C", package.submodule_search_locations)
    if compiled is None or compiled.origin is None:
        return True
    untyped: Any = torch.ops
    try:
        untyped.load_library(compiled.origin)
    except OSError:
        return True
    return False
