"""Orders, their lines, payments and refunds."""
