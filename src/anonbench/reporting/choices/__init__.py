"""Choices under the policy, what they keep and reveal, and what to do next."""
