"""Read-only SQL that joins modules, for pages; no rules."""
