"""VFIMamba: pictures between two pictures by state space models."""
