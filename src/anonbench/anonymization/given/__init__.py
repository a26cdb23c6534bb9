"""Pictures that another program has anonymized: reading, comparison with regions."""
