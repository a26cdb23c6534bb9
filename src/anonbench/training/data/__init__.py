"""Training images: aligned pairs, crops, augmentation, masks."""
