"""Jobs as forks of one process that has loaded what they load."""
