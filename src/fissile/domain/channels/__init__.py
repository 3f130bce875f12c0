"""Where promoters share: their accounts on networks and the chat groups they are in."""
