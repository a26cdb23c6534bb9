"""Self-distillation (DINOv2) on aligned pairs: an image, original and anonymized."""
