"""Fissile: from a product shared in a chat to a commission that is paid out."""

__version__ = "0.1.0"
