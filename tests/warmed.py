"""What each start of Snakemake computes alike, computed before the forks of `preloaded`."""

from snakemake.cli import get_argument_parser

get_argument_parser()  # looks for the plugins of Snakemake in all folders of the path
