"""Tables of what attacks find, and of what passes the policy."""
