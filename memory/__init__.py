"""The symbolic video memory: watch once, ask many times."""
