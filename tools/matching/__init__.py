"""Correspondences between two pictures, and the geometry that relates them."""
