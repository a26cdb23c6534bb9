"""Tables of attack results and of the policy's verdicts."""
