"""One file a journey; only flows commit."""
