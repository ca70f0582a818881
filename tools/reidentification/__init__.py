"""Recognising things again: appearance vectors of entities, who is who in a video and over a library."""
