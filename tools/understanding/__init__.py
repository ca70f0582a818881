"""Putting facts together: file facts, summaries, times and order of what words describe."""
