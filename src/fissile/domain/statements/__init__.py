"""Statements: what moved on a payee's account in a month, each line chained to the one before."""
