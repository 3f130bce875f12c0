"""Sweeps by the second."""
