"""Jobs run as forks of one process that has already imported their modules."""
