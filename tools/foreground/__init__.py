"""Separating what moves by itself from the scene behind it."""
