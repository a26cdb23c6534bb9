"""The training loop: steps, devices, checkpoints, metrics."""
