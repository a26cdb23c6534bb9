"""Rates and sizes that the estimates of jobs' minutes and memory are made from.

The rates of CPU stages lie below what one shared core reached on real CelebA images and RVL-CDIP
pages and on the demo. They decide how long a cluster lets a job run, and what a plan expects where
nothing was measured.
"""

from __future__ import annotations

LEARNED_PER_SECOND = 200.0
"""Regions that a supervised attacker learns from on one core: ridges in five folds."""
LINES_AN_IMAGE = 20
"""A guess; of anything else, one an image."""
RESTORED_PER_SECOND = 500.0
SECONDS_A_RESTORER = 2.0
"""Regions that a restorer is learned from, and its regression besides, on one core."""
READ_PER_SECOND = 100.0
"""Images decoded. Seen: 440 receipts, 650 pages, 1,800 photographs; PNG takes longer."""
DRAWN_PER_SECOND = 50.0
"""Images of a demo."""
HIDING_ALONE = 3.0
"""How many times faster images are hidden in memory, not coded, written and audited."""
LISTED_PER_SECOND = 500.0
"""Headers read; seen: 4,600."""
CPU_TRAINED_PER_SECOND = 400.0
CPU_EMBEDDED_PER_SECOND = 500.0
"""Seen with the demo's models: 640 and 1,400."""
CPU_DRAWN_FROM_PER_SECOND = 60.0
CPU_DRAWN_PER_SECOND = 10.0
"""Train images of a network that draws regions anew, and images drawn. Seen with the demo's models,
whose pictures have 48 pixels a side: 120 and 100. GPUs are counted as no faster."""
GPU_TRAINED_PER_SECOND = 92.6
"""What DINOv2 reports for ViT-L/16 on an A100."""
GPU_EMBEDDED_PER_SECOND = 300.0
"""Not measured: taken as about three times a training's."""
SECONDS_A_PRODUCT = 2.0 / 4e10
"""Of a multiplication and an addition of float32 matrices on a core; seen: half of it."""
SECONDS_A_RANK = 6e-9
"""Of an image in a ranking, on a core; seen: 4e-9 to 5e-9."""
GPU_SCORED = 100.0
"""A guess: cores that a GPU stands for in retrieval."""
VALUES_READ = 1e8
"""Numbers a second that are read, checked and normalized."""
COMPARED_BLOCK = 192
DEPLOYED_BLOCK = 512
COMPARED_QUERIES = 500
"""At most; `anonbench.evaluation.retrieval.training_agreement`."""
BLOCK_BYTES = 20
"""Of each image and each query of a block, in retrieval."""
SCORE_BYTES = 64
"""Of a query's scores in one ranking; they are there twice while they are written."""
SECONDS_A_NEIGHBOUR = 1.5e-9
"""Of a train image that may be among a query's nearest, on a core."""
SECONDS_A_MAP = 30.0
"""Of a map that is learned and judged on 2,000 images of 512 dimensions, on a core."""
SECONDS_A_FIT = 6e-8
"""Of a feature of a train image in one fit of the linear probe, on a core. Seen at 320,000 x 1,024
with 16 classes: 68 seconds for eight fits, 2.6e-8; it grows with the classes."""
NEIGHBOUR_BLOCK = 2**27
"""Similarities in memory at once, in k-NN. Seen at 320,000 + 40,000 images: 3,600 MB in all."""
ROW_BYTES = 1_000
"""Of a row of a table with an id, while it is sorted."""
LARGE = 1024
"""Dimension of ViT-L's features."""
SYSTEM_WIDTH = 2048
"""Dimension of a system's vectors, which nobody knows before it runs: a large one's."""
SYSTEM_THREADS = 8
"""A system computes each batch with one thread, and reads with the others."""
PIXELS = 3 * 32 * 32 + 1
"""Dimension of raw pixels (`anonbench.embedding.extract`)."""
START = 30.0
"""Seconds that a job may take to begin: a new process, its packages and weights."""
SAFETY = 3.0
"""Jobs are given this many times the estimate."""
