"""Published experiment (Chen, Eberhardinger, Maucher 2026, arXiv 2602.19641) beside ours.

`published.csv` holds the 408 values of its tables V to XV, `stated.csv` the 22 numbers of its text;
both are facts, written down in this project's own words and units.
"""
