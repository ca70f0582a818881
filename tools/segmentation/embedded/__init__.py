"""Following masks with nothing but the pictures themselves: no weights, no downloads."""
