"""The frame of a job: its threads and log, what it is made of, what it made before."""
