"""The address book of a member: whom to send to, and where."""
