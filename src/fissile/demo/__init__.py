"""The demo community: two catalogues, a person of each role, and thirty days of what they did."""
