"""Stage privacy: what an attacker still gets out of the anonymized images."""
