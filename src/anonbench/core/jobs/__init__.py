"""Frame of a job: its threads and log, its fingerprint, and the cache of its outputs."""
