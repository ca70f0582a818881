"""The routes under /api: one subject a file."""
