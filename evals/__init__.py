"""Evaluation: suites, metrics, the runner, reports and performance benchmarks."""
