"""Metrics: agreement with the truth, error bars, calibration."""
