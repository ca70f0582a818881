"""Texts that a safety gate is measured on: ours, and readers of public ones."""
