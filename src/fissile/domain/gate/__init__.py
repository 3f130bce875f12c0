"""The Gate: what stands in a text (facts), what a network forbids (rulebooks), and what follows (verdicts). Pure."""
