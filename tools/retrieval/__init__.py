"""Finding facts in memory by meaning and by words."""
