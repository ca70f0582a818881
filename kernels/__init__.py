"""Numeric operators, one folder each. This file stays free of imports (see tests/test_packaging.py)."""
