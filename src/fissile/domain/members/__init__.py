"""People, their roles, how they sign in, and the keys of programs."""
