"""A person's review of the regions: queue of images, corrections, record and page."""
