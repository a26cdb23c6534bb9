"""The loss terms of DINOv2, and how the teacher's outputs become targets."""
