"""Measured figures, each with the limit of the same run."""
