"""Finding what a phrase describes, as boxes."""
