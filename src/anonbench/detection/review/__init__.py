"""A person's last look at the regions: what to look at, corrections, record, page."""
