"""Evaluation suites: a suite reads a data set and scores answers; found by the entry points `videre.suites`."""
