"""Batches that pay people out, made by one and approved by another."""
