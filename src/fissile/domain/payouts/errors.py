"""What can be refused of a payout."""

from __future__ import annotations

from fissile.kernel.errors import Refusal


class NothingDue(Refusal):
    """Nobody has a balance in {currency} that could be paid out now."""


class PayoutUnknown(Refusal):
    """The payout {payout} does not exist here."""


class PayoutStateDiffers(Refusal):
    """The payout is {state}: this can be done only with one that waits for it."""


class PayoutKeyReused(Refusal):
    """This request key was used for another payout: send a new key with a new payout."""


class SamePerson(Refusal):
    """A payout needs two people: somebody else than its maker approves it."""


class PayoutOverdrawn(Refusal):
    """Since this payout was made, {count} of its payees are owed less than it pays: drop it and make it again."""


class PayoutAmountBeyond(Refusal):
    """{asked} cannot be paid: {available} is owed to this payee in {currency} and in no other payout."""


class PayoutAccountClosed(Refusal):
    """The payee has closed the payout account in {currency}: nothing can be paid until there is a new one."""


class PayoutAccountCooling(Refusal):
    """The payee has changed the payout account in {currency}: it can be paid to from {moment} on."""


class PayoutAccountMissing(Refusal):
    """The payee has no payout account in {currency}: one has to be registered first."""


class PayoutAccountNotYours(Refusal):
    """You may say where to pay only for yourself, or for a merchant that you work for."""


class PayoutAccountUnchanged(Refusal):
    """This is the payout account that is registered already: nothing was changed."""


class PayoutMethodUnknown(Refusal):
    """“{given}” is no way to be paid: choose the bank or the gateway."""


class HolderMissing(Refusal):
    """Give the name of the account's holder, as the bank knows it (at most {most} characters)."""


class BankMissing(Refusal):
    """Give the name of the bank (at most {most} characters)."""


class BadIban(Refusal):
    """This is no IBAN: its check digits do not fit. Copy it again as a whole."""


class BadCardNumber(Refusal):
    """This is no bank card number: its check digit does not fit. Copy it again as a whole."""


class BadRoutingNumber(Refusal):
    """“{given}” is no routing number of a bank in the United States: its check digit does not fit."""


class BadAccountNumber(Refusal):
    """An account number has 4 to 34 letters and digits: copy it again, without other signs."""


class BadGatewayAccount(Refusal):
    """A gateway account has 3 to 60 letters, digits, dots, dashes or underscores: copy it again as a whole."""


class PayoutDetailsInUse(Refusal):
    """A payout is on its way to this account: its details can be erased when that has ended."""


class PayoutDetailsErased(Refusal):
    """The details of an account in this payout were erased: decide its item by hand."""


class PayoutItemUnknown(Refusal):
    """The payout item {item} does not exist here."""


class PayoutItemStateDiffers(Refusal):
    """The payout item is {state}: this cannot be done with it now."""


class PayoutReasonMissing(Refusal):
    """Say in at least {least} letters what you know and from where: it stays with the payout item."""


class PayoutAccountChanged(Refusal):
    """The account that this item was made for is closed: give the money back, the next payout uses the new one."""


class BankFileMade(Refusal):
    """The file for this item's bank is made and stays as it is: give the money back, the next payout pays it."""


class NoBankFile(Refusal):
    """The payout has nothing for a file to this bank, or is not approved yet."""


class ResultFileKnown(Refusal):
    """This result file was taken on {moment} already: nothing was done again."""


class ResultFileUnreadable(Refusal):
    """The result file needs the columns {columns} in its first line: nothing was taken from it."""


class ResultSumDiffers(Refusal):
    """Line {line} says that the file adds up to {told}, its lines add up to {found}: nothing was taken from it."""


class BadPayoutTerms(Refusal):
    """“{given}” does not fit: weekly takes a day from 1 (Monday) to 7, monthly a day from 1 to 31."""


class BadCalendar(Refusal):
    """There is no calendar of working days for “{given}”: use a country code such as CN, PL or US."""


class BadBracket(Refusal):
    """Line {line} is no bracket: write the amount from which it counts, a blank and the per cent, in rising order."""


class PayoutTermsChangedMeanwhile(Refusal):
    """Somebody else has changed this at the same moment: look at it again."""


class ResultItemUnknown(Refusal):
    """“{given}” is no item of a payout here."""


class ResultWordUnknown(Refusal):
    """“{given}” is no result: a bank says paid, failed or returned."""


class ResultAmountDiffers(Refusal):
    """The file says {told}, the item is {owed}."""


class ResultDoubled(Refusal):
    """The item stands in this file before: one line counts."""


class ResultStateDiffers(Refusal):
    """The item is {state}: the bank's “{given}” does not fit."""
