"""What can be wrong with an account, a community, or a change of many of them."""

from __future__ import annotations

from fissile.kernel.errors import Refusal


class BadChannelField(Refusal):
    """The field {column} cannot be taken: {reason}."""


class ChannelUnknown(Refusal):
    """There is no account or community “{given}” among yours: it may have been removed."""


class ChannelExists(Refusal):
    """“{handle}” is registered already on this network: find it in your list and change it there."""


class ChannelChanged(Refusal):
    """This was changed since you opened it, perhaps in another tab: look at it again, then repeat your change."""


class ChannelNotUsable(Refusal):
    """“{name}” is {state}, so nothing can be shared there: choose another place, or set it to active first."""


class TooManyChannels(Refusal):
    """One promoter can have {limit} accounts and communities at most: remove some that are closed."""


class NothingSelected(Refusal):
    """Nothing is chosen: tick at least one row, or choose all that the filter shows."""


class NoChangeChosen(Refusal):
    """Say what to change: a state, a tag, or a piece of the name."""


class SelectionChanged(Refusal):
    """What you chose has changed meanwhile ({seen} were shown, {found} match now): look at the preview again."""


class NameEmptied(Refusal):
    """This would leave {count} of them without a name, “{example}” for one: choose another replacement."""


class ImportTooLong(Refusal):
    """The file has more than {limit} rows: split it into several files."""
