"""What a promoter shares, and who opened it."""
