"""Drift: streams whose law changes, detectors that notice, models that keep learning."""
