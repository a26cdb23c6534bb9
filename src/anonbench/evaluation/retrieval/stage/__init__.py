"""The retrieval stage: scenarios, sampled queries, shards, summaries."""
