"""Repairing pictures: filling, frames in between, artefacts, and stretches of one scene to take pixels from."""
