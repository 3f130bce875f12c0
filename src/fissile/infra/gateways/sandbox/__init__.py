"""The sandbox: a gateway without money, whose messages are signed and sent like a real one's."""
