"""The address book of a member, and the fields of an address on every page that asks for one."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from fissile.api.problems import status_of
from fissile.domain.addresses.model import ADDRESSES_MAX, LIMITS, PROVINCES, Address, KeptAddress
from fissile.domain.addresses.queries import address_of, addresses_of
from fissile.domain.addresses.rules import check_address
from fissile.flows.change_address import erase_address, keep_address
from fissile.kernel.errors import Refusal
from fissile.kernel.ids import parse_public_id
from fissile.web.asker import Asker, Form, PageRequest, asker_of, form_of
from fissile.web.page import go, page

FIELDS = ("name", "phone", "email", "country", "region", "city", "street", "postcode")
_MEMBERS: dict[str, Any] = {"roles": ()}


def address_in(form: Form) -> Address:
    """
    Return the address that a form holds.

    :raises AddressIncomplete, AddressFieldTooLong, AddressFieldOdd: if a field will not do
    :raises PhoneOdd, CountryUnknown, RegionUnknown: if one is none
    """
    return check_address(**{name: form.get(name) for name in FIELDS})


def field_values(form: Form, kept: KeptAddress | None = None) -> dict[str, str]:
    """Return what the fields of an address show: what was sent, else the address, else nothing and China."""
    known = {name: getattr(kept.address, name) for name in FIELDS} if kept else {}
    return {name: form.get(name, known.get(name, "CN" if name == "country" else "")) for name in FIELDS}


def choices(asker: Asker) -> dict[str, Any]:
    """Return the countries in the reader's language, China first, and its provinces."""
    territories = asker.words.babel.territories
    names = sorted((name, code) for code, name in territories.items() if len(code) == 2 and code not in ("CN", "ZZ"))
    return {
        "countries": [("CN", territories["CN"]), *((code, name) for name, code in names)],
        "provinces": PROVINCES,
        "limits": LIMITS,
    }


@get("/addresses", opt=_MEMBERS)
async def addresses(request: PageRequest) -> Response[str]:
    """The address book of whoever is signed in."""
    return await _shown(asker_of(request), form=Form({}))


@get("/addresses/{address:str}", opt=_MEMBERS)
async def one_address(request: PageRequest, address: FromPath[str]) -> Response[str]:
    """One address, to be changed."""
    asker = asker_of(request)
    assert asker.member_id is not None, "the page is for signed-in people"
    async with asker.house.db.reading() as connection:
        kept = await address_of(connection, member_id=asker.member_id, address_id=parse_public_id("adr", address))
    return page(
        asker, "account/address.html", kept=kept, values=field_values(Form({}), kept), sentence="", **choices(asker)
    )


@post("/addresses", status_code=303, opt=_MEMBERS)
async def send_new(request: PageRequest) -> Response[Any]:
    """Write a new address."""
    asker, form = asker_of(request), form_of(request)
    assert asker.member_id is not None, "the page is for signed-in people"
    try:
        await keep_address(
            asker.house.db,
            member_id=asker.member_id,
            address_id=None,
            address=address_in(form),
            is_default=bool(form.get("default")),
            actor=asker.actor,
            at=asker.at,
            rng=asker.rng,
        )
    except Refusal as refusal:
        return await _shown(asker, form=form, refusal=refusal)
    return go("/addresses", note="saved")


@post("/addresses/{address:str}", status_code=303, opt=_MEMBERS)
async def send_change(request: PageRequest, address: FromPath[str]) -> Response[Any]:
    """Change an address, make it the default, or erase it."""
    asker, form = asker_of(request), form_of(request)
    assert asker.member_id is not None, "the page is for signed-in people"
    address_id = parse_public_id("adr", address)
    async with asker.house.db.reading() as connection:
        kept = await address_of(connection, member_id=asker.member_id, address_id=address_id)
    if form.get("do") == "erase":
        await erase_address(
            asker.house.db, member_id=asker.member_id, address_id=address_id, actor=asker.actor, at=asker.at
        )
        return go("/addresses", note="address-erased")
    try:
        await keep_address(
            asker.house.db,
            member_id=asker.member_id,
            address_id=address_id,
            address=None if form.get("do") == "default" else address_in(form),
            is_default=form.get("do") == "default" or bool(form.get("default")),
            actor=asker.actor,
            at=asker.at,
            rng=asker.rng,
        )
    except Refusal as refusal:
        return page(
            asker,
            "account/address.html",
            status=status_of(refusal.code),
            kept=kept,
            values=field_values(form, kept),
            sentence=asker.words.refusal(refusal),
            **choices(asker),
        )
    return go("/addresses", note="saved")


async def _shown(asker: Asker, *, form: Form, refusal: Refusal | None = None) -> Response[str]:
    assert asker.member_id is not None, "the page is for signed-in people"
    async with asker.house.db.reading() as connection:
        book = await addresses_of(connection, member_id=asker.member_id)
    return page(
        asker,
        "account/addresses.html",
        status=status_of(refusal.code) if refusal else 200,
        book=book,
        most=ADDRESSES_MAX,
        values=field_values(form),
        sentence=asker.words.refusal(refusal) if refusal else "",
        **choices(asker),
    )


HANDLERS = (addresses, one_address, send_new, send_change)
