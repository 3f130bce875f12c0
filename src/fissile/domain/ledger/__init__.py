"""Double entry: transfers that are never edited, balances that are their sum."""
