"""Planners compared in a toy world of which everything is known."""
