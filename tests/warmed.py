"""What each start of Snakemake and each job computes alike, before the forks of `preloaded`."""

from io import BytesIO

import numba
from PIL import Image
from snakemake.cli import get_argument_parser
from snakemake.settings.types import MaxJobsPerTimespan

import small_archive
from anonbench.config import load
from anonbench.reporting.figures.style import new_figure, styled

get_argument_parser()  # looks for the plugins of Snakemake in all folders of the path
# the limit of jobs per second holds up the end of each run by a second, and no test reaches it
MaxJobsPerTimespan.__bool__ = lambda _: False
load(small_archive.config())  # builds the models of all parts of a config
Image.init()
numba.njit(lambda: 0)()  # registers all that numba can compile
with styled():
    figure = new_figure(1, 1)
    figure.add_subplot().set_title("$x$")
    for kind in ("png", "svg"):
        figure.savefig(BytesIO(), format=kind)  # finds and reads the fonts
