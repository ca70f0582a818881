"""Editing tools: what they make, at what time, out of what; the source file is never changed."""
