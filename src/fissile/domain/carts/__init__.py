"""What somebody means to buy: a cart of a member or of a visitor."""
