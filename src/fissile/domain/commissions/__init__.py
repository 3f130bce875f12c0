"""What a sharer earns, and the plans that say so."""
