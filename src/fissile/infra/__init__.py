"""How we touch the world: database, batcher, settings, events, gateways."""
