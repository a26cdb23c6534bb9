"""Tables of what retrieval keeps, and how sure that is."""
