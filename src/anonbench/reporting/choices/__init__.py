"""Choices under the policy: retrieval quality, remaining risk, and the next step."""
