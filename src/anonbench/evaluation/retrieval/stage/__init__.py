"""The retrieval stage: scenarios, sampled queries, cached scores, summaries."""
