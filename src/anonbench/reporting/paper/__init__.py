"""Published experiment (Chen, Eberhardinger, Maucher 2026, arXiv 2602.19641) beside ours."""
