"""What each start of Snakemake computes alike, computed before the forks of `preloaded`."""

from snakemake.cli import get_argument_parser
from snakemake.settings.types import MaxJobsPerTimespan

get_argument_parser()  # looks for the plugins of Snakemake in all folders of the path
# the limit of jobs per second holds up the end of each run by a second, and no test reaches it
MaxJobsPerTimespan.__bool__ = lambda _: False
