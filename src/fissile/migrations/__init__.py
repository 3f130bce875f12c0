"""How a database becomes and stays what the code expects."""
