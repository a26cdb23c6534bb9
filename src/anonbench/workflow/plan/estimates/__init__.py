"""What an experiment takes, by formula: GPU hours, bytes, sample sizes."""
