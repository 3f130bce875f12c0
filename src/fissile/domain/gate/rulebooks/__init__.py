"""Rulebooks: TOML text, checked as a whole and compiled into another type; docs/gate.md is their reference."""
