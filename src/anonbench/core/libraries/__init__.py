"""Third-party libraries and GPUs, set up in the same way by every job."""
