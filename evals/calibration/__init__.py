"""Calibrating the confidence of answers: made clips with exact truth, and a map fitted on them."""
