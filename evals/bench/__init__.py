"""Performance benchmarks: `python -m evals.bench NAME [--json FILE]`."""
