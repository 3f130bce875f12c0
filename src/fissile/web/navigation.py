"""The side navigation of the two workplaces: entries in groups, each shown to the roles that may open it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fissile.web.asker import Asker
from fissile.web.marking import later as _


@dataclass(frozen=True, slots=True)
class Tab:
    """An entry; without roles it is for everybody who sees the navigation. Texts are not translated yet."""

    href: str
    text: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Entries that belong together; the first group has no heading."""

    text: str
    tabs: tuple[Tab, ...]


@dataclass(frozen=True, slots=True)
class Menu:
    """What one person sees on one page; ``here`` is the entry of that page, if there is one."""

    groups: tuple[Group, ...]
    here: Tab | None


_O, _P, _R, _A, _S = "operator", "payout_officer", "reviewer", "auditor", "merchant_staff"
PROMOTER = (
    Group(
        _("Sharing"),
        (
            Tab("/promoter/products", _("Pick a product")),
            Tab("/promoter/shares", _("My shares")),
            Tab("/promoter/channels", _("Accounts and groups")),
            Tab("/promoter/invitation", _("Invite")),
        ),
    ),
    Group(
        _("Results"),
        (
            Tab("/promoter/statistics", _("Statistics")),
            Tab("/promoter/visits", _("Visits")),
            Tab("/promoter/lost", _("Not credited")),
            Tab("/promoter/why", _("Why or why not")),
        ),
    ),
    Group(_("Money"), (Tab("/promoter/earnings", _("Earnings")), Tab("/promoter/payouts", _("Payouts")))),
)
OPERATOR = (
    Group("", (Tab("/operator", _("Overview"), (_O, _P, _A)),)),
    Group(
        _("Sales"),
        (
            Tab("/operator/orders", _("Orders"), (_O, _S, _A)),
            Tab("/operator/refunds", _("Refunds"), (_O, _A)),
            Tab("/operator/invoices", _("Invoices"), (_O, _S, _A)),
            Tab("/operator/returns", _("Returns"), (_O, _S, _A)),
            Tab("/operator/shipping", _("Shipping"), (_O, _S, _A)),
        ),
    ),
    Group(
        _("Goods"),
        (
            Tab("/operator/catalogue", _("Catalogue"), (_O, _S, _A)),
            Tab("/operator/import", _("Import"), (_O, _S)),
        ),
    ),
    Group(
        _("Promotion"),
        (
            Tab("/operator/plans", _("Plans and fees"), (_O, _A)),
            Tab("/operator/attribution", _("Attribution"), (_O, _A)),
            Tab("/operator/bindings", _("Bindings"), (_O, _A)),
            Tab("/operator/visits", _("Visits"), (_O, _R, _A)),
            Tab("/operator/channels", _("Accounts and groups"), (_O, _R, _A)),
        ),
    ),
    Group(
        _("Money"),
        (
            Tab("/operator/payouts", _("Payouts"), (_O, _P, _A)),
            Tab("/operator/merchant-payouts", _("My payouts"), (_S,)),
            Tab("/operator/ledger", _("Ledger"), (_O, _P, _A)),
        ),
    ),
    Group(
        _("Administration"),
        (
            Tab("/operator/members", _("Members"), (_O, _A)),
            Tab("/operator/mail", _("Mail"), (_O, _A)),
            Tab("/operator/audit", _("Audit log"), (_O, _A)),
        ),
    ),
)


def menu(asker: Asker, groups: Sequence[Group]) -> Menu:
    """Return the entries that the asker may open, without groups that are empty then, and where they are now."""
    seen = [
        Group(group.text, tuple(tab for tab in group.tabs if not tab.roles or asker.has(*tab.roles)))
        for group in groups
    ]
    around = [tab for group in seen for tab in group.tabs if f"{asker.path}/".startswith(f"{tab.href}/")]
    # Every page of an operator lies below the overview: the longest address is the nearest.
    here = max(around, key=lambda tab: len(tab.href), default=None)
    return Menu(tuple(group for group in seen if group.tabs), here)
