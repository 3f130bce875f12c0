"""What can be refused of links in mails."""

from __future__ import annotations

from fissile.kernel.errors import Refusal


class LinkSpent(Refusal):
    """This link was used, is too old, or was cut off in the mail: ask for a new one."""
