"""People and faces."""
