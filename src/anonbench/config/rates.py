"""Rates and sizes behind the estimates of jobs' time and memory.

The rates of CPU stages are below those measured on one shared core with real CelebA images,
RVL-CDIP pages and the demo. They determine time limits on clusters, and a plan's estimates without
measurements.
"""

from __future__ import annotations

LINES_AN_IMAGE = 20
"""Assumed number of text lines in an image; of other entities one each."""
RESTORED_PER_SECOND = 500.0
SECONDS_A_RESTORER = 2.0
"""On one core: regions a second from which a restorer is learned (`RESTORED_PER_SECOND`), and
seconds of its regression."""
READ_PER_SECOND = 100.0
"""Decoded images. Measured: 440 receipts, 650 pages, 1,800 photographs; PNG is slower."""
DRAWN_PER_SECOND = 50.0
"""Demo images drawn."""
HIDING_ALONE = 3.0
"""Speed-up of hiding images in memory only, without encoding, writing and audit."""
LISTED_PER_SECOND = 500.0
"""Image headers read; measured: 4,600."""
CPU_TRAINED_PER_SECOND = 400.0
CPU_EMBEDDED_PER_SECOND = 500.0
"""Images trained on and embedded by a CPU. Measured with the demo's models: 640 and 1,400."""
CPU_DRAWN_FROM_PER_SECOND = 60.0
CPU_DRAWN_PER_SECOND = 10.0
"""Train images of a redrawing network, and images drawn. Measured with the demo's models, whose
pictures have 48 pixels a side: 120 and 100. GPUs are assumed to be no faster."""
GPU_TRAINED_PER_SECOND = 92.6
"""Training images, as reported by DINOv2 for ViT-L/16 on an A100."""
GPU_EMBEDDED_PER_SECOND = 300.0
"""Not measured: assumed to be about three times the rate of a training."""
SECONDS_A_PRODUCT = 2.0 / 4e10
"""Seconds per multiply-add of float32 matrices on a core; measured: half of it."""
SECONDS_A_RANK = 6e-9
"""Seconds per image of a ranking, on a core; measured: 4e-9 to 5e-9."""
VALUES_READ = 1e8
"""Numbers read, checked and normalized per second."""
COMPARED_QUERIES = 500
"""Most queries that trainings are compared by."""
SECONDS_A_NEIGHBOUR = 1.5e-9
"""Seconds per train image compared with a query in k-NN, on a core."""
SECONDS_A_MAP = 30.0
"""Seconds to learn and judge a map on 2,000 images of 512 dimensions, on a core."""
FITS = 8
"""Fits of the linear probe: one at each strength, and the last one."""
SECONDS_A_FIT = 6e-8
"""Seconds per feature and train image in one fit of the linear probe, on a core. Measured at
320,000 x 1,024 with 16 classes: 68 seconds for eight fits, 2.6e-8; grows with the classes."""
LARGE = 1024
"""Dimension of ViT-L's features."""
SYSTEM_WIDTH = 2048
"""Assumed dimension of a system's vectors, which is unknown before it runs: a large one's."""
SYSTEM_THREADS = 8
"""Threads of a system's job: one computes the batches, the others read images."""
PIXELS = 3 * 32 * 32 + 1
"""Dimension of raw pixels (`anonbench.embedding.extract`)."""
START = 30.0
"""Seconds to start a job: new process, packages and weights."""
SAFETY = 3.0
"""Safety factor of time limits."""
