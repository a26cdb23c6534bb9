"""Pictures that another program has anonymized: read, and compared with what detection found."""
