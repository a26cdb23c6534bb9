"""Tables of retrieval quality and its certainty."""
