"""Segmentation: which pixels belong to a thing, followed through a video."""
