"""Loss terms of DINOv2, and the teacher's targets."""
