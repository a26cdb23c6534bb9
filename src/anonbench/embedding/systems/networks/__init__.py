"""Networks as encoders, and their inputs."""
