"""Commands with more to them than a call: their options and what they print."""
