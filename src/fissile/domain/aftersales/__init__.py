"""What becomes of an order after it was sent: parcels, and requests to take it back."""
