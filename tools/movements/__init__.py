"""Moments of motion: when a thing is lifted, starts, stops, turns, comes closer, appears or leaves."""
