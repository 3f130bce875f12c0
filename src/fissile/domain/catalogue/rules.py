"""What cells mean, how text is searched and sorted: values in, values out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from uuid import UUID

from fissile.domain.catalogue.errors import BadCell, NotYourMerchant, ReasonMissing
from fissile.domain.catalogue.model import Draft, Options
from fissile.infra.events import Actor
from fissile.infra.searching import SEARCHED_MAX
from fissile.infra.searching import fold as fold
from fissile.infra.searching import search_query as search_query
from fissile.infra.searching import search_terms as search_terms
from fissile.infra.searching import search_vector as search_vector
from fissile.infra.searching import sort_key as sort_key
from fissile.infra.tabular import Row, escaped
from fissile.kernel.errors import Refusal
from fissile.kernel.ids import UnknownId, parse_public_id
from fissile.kernel.money import MINOR_MAX, PPM, Money, minor_digits, parse_major

COLUMNS = (
    "sku",
    "product",
    "title",
    "options",
    "description",
    "category",
    "price",
    "currency",
    "stock",
    "pictures",
    "merchant",
    "weight_grams",
    "tax_rate",
)
NEEDED = ("sku", "title", "price")
HOUSE_CODE = "house"  # whose goods they are where a row names no merchant
DEFAULT_CURRENCY = "CNY"

# Characters.
LIMITS = {
    "sku": 64,
    "product": 64,
    "title": 200,
    "options": 500,
    "description": 10_000,
    "category": 200,
    "price": 40,
    "currency": 10,
    "stock": 20,
    "pictures": 2_000,
    "merchant": 80,
    "weight_grams": 20,
    "tax_rate": 20,
}
CATEGORY_DEPTH_MAX = 5
PICTURES_MAX = 20
SKUS_MAX = 1_000  # of one product
STOCK_MAX = 1_000_000_000
WEIGHT_GRAMS_MAX = 10_000_000  # ten tonnes
REASON_MAX = 200

_PRICE = re.compile(r"(?P<sign>-?)(?P<whole>\d{1,20})(?:\.(?P<part>\d+))?(?P<minor> minor)?", re.ASCII)
_WHOLE = re.compile(r"\d{1,20}", re.ASCII)
_PER_CENT = re.compile(r"(?P<whole>\d{1,3})(?:\.(?P<part>\d{1,4}))?\s*%?", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_NOT_SLUG = re.compile(r"[\W_]+")


# -- cells ----------------------------------------------------------------------------------------------------


def parse_row(row: Row) -> Draft:
    """
    Return what a row says, each cell judged by itself.

    :raises BadCell: with the column and the reason of the first cell that is wrong
    """
    cells = {name: row.cells.get(name, "") for name in COLUMNS}
    for name, cell in cells.items():
        if len(cell) > LIMITS[name]:
            raise BadCell(column=name, reason=f"it has {len(cell)} characters, at most {LIMITS[name]} are taken")
    description = cells["description"].replace("\r\n", "\n").replace("\r", "\n").strip()
    line = {name: " ".join(cell.split()) for name, cell in cells.items()}
    for name, cell in (line | {"description": description}).items():
        if _CONTROL.search(cell):
            raise BadCell(column=name, reason="it has control characters")
    if not line["sku"]:
        raise BadCell(column="sku", reason="it is empty")
    merchant_code = merchant_slug(line["merchant"]) if line["merchant"] else HOUSE_CODE
    return Draft(
        line=row.line,
        sku=line["sku"],
        product=line["product"],
        title=line["title"],
        options=parse_options(line["options"]) if line["options"] else None,
        description=description,
        category=parse_category(line["category"]),
        price=line["price"],
        currency=_currency(line["currency"]),
        stock=_stock(line["stock"]),
        pictures=_pictures(line["pictures"]),
        merchant_code=merchant_code,
        merchant_name=line["merchant"],
        weight_grams=parse_weight(line["weight_grams"]),
        tax_rate_ppm=parse_tax_rate(line["tax_rate"]),
    )


def price_of(given: str, *, currency: str) -> int:
    """
    Return a price in minor units of the currency: "12.50", or "1250 minor" as a map writes it.

    :raises BadCell: if it is no plain number, below 0, has too many digits, or is absurdly large
    """
    match = _PRICE.fullmatch(given)
    if match is None:
        raise BadCell(column="price", reason=f"“{given}” is not a number such as 12.50, without signs and separators")
    digits = minor_digits(currency)
    part = (match["part"] or "").rstrip("0")
    if match["sign"]:
        raise BadCell(column="price", reason="it is below 0")
    if match["minor"] and part:
        raise BadCell(column="price", reason="minor units are whole numbers")
    if len(part) > digits:
        raise BadCell(column="price", reason=f"{currency} has at most {digits} digits after the point")
    if match["minor"]:
        minor = int(match["whole"])
    elif int(match["whole"]) > MINOR_MAX:
        minor = MINOR_MAX + 1
    else:
        minor = _major(f"{match['whole']}.{part or 0}", currency)
    if minor > MINOR_MAX:
        raise BadCell(column="price", reason="it is larger than any price may be")
    return minor


def _major(given: str, currency: str) -> int:
    try:
        return parse_major(given, currency=currency).minor
    except Refusal:
        raise BadCell(column="price", reason="it is larger than any price may be") from None


def price_text(*, price_minor: int, currency: str) -> str:
    """Return a price as an import reads it: in major units, with the currency's digits."""
    return f"{Money(price_minor, currency).major():f}"


def parse_options(cell: str) -> Options:
    r"""
    Return ``Colour=red; Size=M`` as pairs; ``\`` takes the meaning from the ``;``, ``=`` or ``\`` behind it.

    :raises BadCell: if a part has no name and value, or a name comes twice
    """
    pairs: list[tuple[str, str]] = []
    for part in _split(cell, ";"):
        if not part.strip():
            continue
        halves = [_ESCAPED.sub(r"\1", half).strip() for half in _split(part, "=", once=True)]
        if len(halves) < 2 or not all(halves):
            raise BadCell(column="options", reason=f"“{part.strip()[:60]}” is not of the form Name=value")
        name, value = halves
        if name in dict(pairs):
            raise BadCell(column="options", reason=f"“{name[:60]}” comes twice")
        pairs.append((name, value))
    return tuple(pairs)


def _split(text: str, separator: str, *, once: bool = False) -> list[str]:
    r"""Split where the separator has no ``\`` before it that counts."""
    parts: list[str] = []
    start, place = 0, 0
    while place < len(text):
        if text[place] == "\\":
            place += 1
        elif text[place] == separator and not (once and parts):
            parts.append(text[start:place])
            start = place + 1
        place += 1
    return [*parts, text[start:]]


def options_text(options: Options) -> str:
    """Return options as an import reads them."""
    return "; ".join(f"{escaped(name)}={escaped(value)}" for name, value in options)


def parse_category(cell: str) -> tuple[str, ...]:
    """
    Return ``A > B`` as its names from the root down; () for a blank cell.

    :raises BadCell: if a name is missing or there are too many
    """
    if not cell:
        return ()
    names = tuple(name.strip() for name in cell.split(">"))
    if not all(names):
        raise BadCell(column="category", reason=f"“{cell[:60]}” is not of the form A > B")
    if len(names) > CATEGORY_DEPTH_MAX:
        raise BadCell(column="category", reason=f"it has {len(names)} levels, at most {CATEGORY_DEPTH_MAX} are taken")
    return names


def category_path(names: Sequence[str]) -> str:
    """Return the path by which a category is found."""
    return " > ".join(names)


def merchant_slug(name: str) -> str:
    """
    Return the code of a merchant of this name: lower case, words joined by hyphens.

    :raises BadCell: if the name has no letter or digit
    """
    slug = _slug(name)
    if not slug:
        raise BadCell(column="merchant", reason="it has no letter or digit")
    return slug


def merchant_cell(*, code: str, name: str) -> str:
    """Return what an import reads as this merchant again: its name if the code follows from it, else the code."""
    return name if _slug(name) == code and len(name) <= LIMITS["merchant"] else code


def _slug(name: str) -> str:
    return _NOT_SLUG.sub("-", fold(name)).strip("-")


def sku_title(*, title: str, options: Options) -> str:
    """Return a SKU's title as it stands on an order line: the product's, and what the variant is."""
    return f"{title} · {', '.join(value for _, value in options)}" if options else title


def clean_title(given: str) -> str:
    """
    Return a title as the catalogue keeps it.

    :raises BadCell: if it is empty, too long, or has control characters
    """
    row = parse_row(Row(0, {"sku": "-", "title": given}))
    if not row.title:
        raise BadCell(column="title", reason="it is empty")
    return row.title


def clean_description(given: str) -> str:
    """
    Return a description as the catalogue keeps it.

    :raises BadCell: if it is too long or has control characters
    """
    return parse_row(Row(0, {"sku": "-", "description": given.strip()})).description


def clean_reason(given: str) -> str:
    """
    Return the reason of a correction.

    :raises ReasonMissing: if there is none, or a story
    """
    reason = " ".join(given.replace("\x00", " ").split())
    if not reason or len(reason) > REASON_MAX:
        raise ReasonMissing(limit=REASON_MAX)
    return reason


def known_picture(name: str) -> UUID | None:
    """Return the picture that is meant by its id (``pic_…``, as exports write it), None if it is a file's name."""
    try:
        return parse_public_id("pic", name)
    except UnknownId:
        return None


def _currency(cell: str) -> str:
    if not cell:
        return ""
    try:
        minor_digits(cell.upper())
    except Refusal as refusal:
        raise BadCell(column="currency", reason=refusal.message.rstrip(".")) from None
    return cell.upper()


def _stock(cell: str) -> int | None:
    if not cell:
        return None
    if not _WHOLE.fullmatch(cell):
        raise BadCell(column="stock", reason=f"“{cell}” is not a whole number of 0 or more")
    if int(cell) > STOCK_MAX:
        raise BadCell(column="stock", reason=f"it is above {STOCK_MAX}")
    return int(cell)


def parse_weight(cell: str) -> int | None:
    """
    Return a weight in whole grams, None for a blank cell; 0 means that nothing is sent.

    :raises BadCell: if it is no whole number, or above ten tonnes
    """
    if not cell:
        return None
    if not _WHOLE.fullmatch(cell) or int(cell) > WEIGHT_GRAMS_MAX:
        raise BadCell(
            column="weight_grams", reason=f"“{cell}” is not a whole number of grams from 0 to {WEIGHT_GRAMS_MAX}"
        )
    return int(cell)


def parse_tax_rate(cell: str) -> int | None:
    """
    Return a rate of tax, written in per cent ("13", "5.5%"), as parts per million of the net price; None if blank.

    :raises BadCell: if it is no number of per cent from 0 to 100 with at most four digits after the point
    """
    if not cell:
        return None
    match = _PER_CENT.fullmatch(cell)
    ppm = int(match["whole"] + (match["part"] or "").ljust(4, "0")) if match else PPM + 1
    if ppm > PPM:
        raise BadCell(column="tax_rate", reason=f"“{cell}” is not a rate in per cent from 0 to 100, such as 13 or 5.5")
    return ppm


def tax_rate_text(ppm: int) -> str:
    """Return a rate of tax as an import reads it: in per cent."""
    whole, part = divmod(ppm, 10_000)
    return f"{whole}.{part:04d}".rstrip("0").rstrip(".")


def _pictures(cell: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(cell.split()))
    if len(names) > PICTURES_MAX:
        raise BadCell(column="pictures", reason=f"there are {len(names)}, at most {PICTURES_MAX} are taken")
    return names


# -- who ------------------------------------------------------------------------------------------------------


def may_change(actor: Actor, *, merchant_id: UUID | None) -> bool:
    """Tell whether the actor may change this merchant's goods (None: open a merchant): house, operator, staff."""
    return bool(actor.roles & {"house", "operator"}) or merchant_id in actor.merchant_ids


def require_access(actor: Actor, *, merchant_id: UUID) -> None:
    """
    Hold an actor to the merchants that are theirs.

    :raises NotYourMerchant: if this one is not
    """
    if not may_change(actor, merchant_id=merchant_id):
        raise NotYourMerchant(name=actor.name)


# -- searching and sorting --------------------------------------------------------------------------------------


def search_text(*, title: str, description: str, codes: Sequence[str]) -> str:
    """Return what a product is searched in; of very many SKUs only the first codes."""
    return fold("\n".join([title, description, *codes]))[:SEARCHED_MAX]


def changed_fields(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """Return the names whose values differ, sorted."""
    return sorted(name for name, value in new.items() if old[name] != value)
