"""Merchants, products, SKUs, pictures, stock."""
