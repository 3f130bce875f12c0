"""Who brought the buyer, decided once, with the reason."""
