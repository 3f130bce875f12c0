"""What people are owed to be told: a row of its own first, shown in an inbox and sent by mail."""
