"""Privacy of anonymized images: re-identification attacks and their rates."""
