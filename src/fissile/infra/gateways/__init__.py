"""Payment gateways: one interface, one folder each."""
