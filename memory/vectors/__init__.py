"""Nearest vectors: which kind of index fits, building and tuning it, exact scoring, the cache file."""
