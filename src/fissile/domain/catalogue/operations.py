"""Writes of the catalogue: a chunk of an import, pictures, corrections of stock, changes of offers and products."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.catalogue import rules, store
from fissile.domain.catalogue.errors import (
    BadCell,
    NothingToChange,
    ProductUnknown,
    SkuUnknown,
    StockBelowReserved,
    StockNotTracked,
    StockUnchanged,
)
from fissile.domain.catalogue.model import Draft
from fissile.domain.catalogue.store import MerchantRow, ProductRow, SiblingRow, SkuRow
from fissile.domain.catalogue.tables import (
    categories,
    merchants,
    pictures,
    product_pictures,
    sku_stock,
    skus,
    stock_movements,
)
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.infra.pictures import Prepared
from fissile.kernel.ids import Chance, new_id, public_id
from fissile.kernel.money import MINOR_MAX

_PRODUCT_FIELDS = ("title", "description", "category", "pictures", "tax_rate_ppm")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row, or with one of its pictures while the row itself is loaded."""

    line: int
    column: str
    reason: str


@dataclass(slots=True)
class Spoken:
    """
    Which product fields a row of this file has set already, over all of its chunks.

    The first row that fills a field speaks for the product; others that differ are counted in ``differing``.
    """

    # By the hash of merchant and product: a million rows must not keep a million names.
    fields: dict[int, int] = field(default_factory=dict)
    differing: Counter[str] = field(default_factory=Counter)

    def first(self, *, merchant_code: str, product_code: str, name: str) -> bool:
        """Tell whether this is the first row that fills the field of the product, and remember that it did."""
        key, bit = hash((merchant_code, product_code)), 1 << _PRODUCT_FIELDS.index(name)
        told = self.fields.get(key, 0)
        self.fields[key] = told | bit
        return not told & bit


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of the rows of a chunk."""

    loaded: int
    updated: int
    unchanged: int
    rejected: tuple[Fault, ...]
    pictures_left_out: tuple[Fault, ...]


async def apply_rows(
    connection: AsyncConnection,
    *,
    drafts: Sequence[Draft],
    found_pictures: Mapping[str, UUID | str],
    house_name: str,
    spoken: Spoken,
    dry_run: bool,
    actor: Actor,
    at: datetime,
    rng: Chance,
) -> Applied:
    """
    Write rows of an import: each is accepted or rejected whole, and no later row sees a rejected one.

    ``found_pictures`` has for each name that the rows use either the picture or the reason why there is none;
    such a row is loaded without it, and the product keeps the pictures that it has.
    ``spoken`` is carried from chunk to chunk of one file. A ``dry_run`` is rolled back at the end of its file, so it
    holds the stock of no SKU until then: the orders of the whole house would wait for it.
    """
    await store.take_turn(connection)
    chunk = await _Chunk.of(connection, drafts, found_pictures, house_name, spoken, dry_run, actor, at, rng)
    for draft in drafts:
        chunk.take(draft)
    await chunk.write(connection)
    return Applied(
        loaded=chunk.outcomes["loaded"],
        updated=chunk.outcomes["updated"],
        unchanged=chunk.outcomes["unchanged"],
        rejected=tuple(chunk.rejected),
        pictures_left_out=tuple(chunk.left_out),
    )


class _Chunk:
    """What the rows of a chunk are decided on and what they come to, until it is all written at once."""

    def __init__(
        self,
        *,
        found_pictures: Mapping[str, UUID | str],
        house_name: str,
        spoken: Spoken,
        dry_run: bool,
        actor: Actor,
        at: datetime,
        rng: Chance,
        merchants_by_code: dict[str, MerchantRow],
        categories_by_path: dict[str, UUID],
        skus_by_code: dict[tuple[UUID, str], SkuRow],
        products_found: list[ProductRow],
    ):
        self.found_pictures, self.house_name, self.spoken = found_pictures, house_name, spoken
        self.dry_run, self.actor, self.at, self.rng = dry_run, actor, at, rng
        self.merchants, self.categories, self.skus = merchants_by_code, categories_by_path, skus_by_code
        self.products = {product.id: product for product in products_found}
        self.products_by_code = {(one.merchant_id, one.code): one for one in products_found}
        self.outcomes: Counter[str] = Counter()
        self.rejected: list[Fault] = []
        self.left_out: list[Fault] = []
        self.events: list[Event] = []
        self.new_merchants: list[dict[str, Any]] = []
        self.new_categories: list[dict[str, Any]] = []
        self.new_products: dict[UUID, ProductRow] = {}
        self.changed_products: dict[UUID, set[str]] = {}  # fields; the event is written once a chunk
        self.searched_anew: set[UUID] = set()
        self.new_skus: dict[UUID, SkuRow] = {}
        self.changed_skus: dict[UUID, SkuRow] = {}
        self.changed_stock: dict[UUID, SkuRow] = {}
        self.movements: list[dict[str, Any]] = []

    @classmethod
    async def of(
        cls,
        connection: AsyncConnection,
        drafts: Sequence[Draft],
        found_pictures: Mapping[str, UUID | str],
        house_name: str,
        spoken: Spoken,
        dry_run: bool,
        actor: Actor,
        at: datetime,
        rng: Chance,
    ) -> _Chunk:
        """Fetch everything that the rows may touch, in the order in which locks are taken."""
        by_code = await store.merchants_by_code(connection, codes=sorted({one.merchant_code for one in drafts}))
        merchant_ids = [merchant.id for merchant in by_code.values()]
        paths = {rules.category_path(one.category[: depth + 1]) for one in drafts for depth in range(len(one.category))}
        by_path = await store.categories_by_path(connection, paths=sorted(paths))
        found_skus = await store.skus_by_code(
            connection, merchant_ids=merchant_ids, codes=sorted({one.sku for one in drafts}), locked=not dry_run
        )
        found_products = await store.products_with_siblings(
            connection,
            product_ids=sorted({sku.product_id for sku in found_skus.values()}),
            merchant_ids=merchant_ids,
            codes=sorted({one.product or one.sku for one in drafts}),
        )
        return cls(
            found_pictures=found_pictures,
            house_name=house_name,
            spoken=spoken,
            dry_run=dry_run,
            actor=actor,
            at=at,
            rng=rng,
            merchants_by_code=by_code,
            categories_by_path=by_path,
            skus_by_code=found_skus,
            products_found=found_products,
        )

    # -- a row --

    def take(self, draft: Draft) -> None:
        """Judge a row; if nothing is wrong, remember what it changes."""
        try:
            merchant = self._merchant(draft)
            sku = self.skus.get((merchant.id, draft.sku))
            product = self._product(draft, merchant, sku)
            price_minor = self._price(draft, merchant, sku)
            self._judge_stock(draft, sku)
        except BadCell as bad:
            self.rejected.append(Fault(draft.line, bad.details["column"], bad.details["reason"]))
            return
        # Below this line nothing is refused.
        if merchant.code not in self.merchants:
            self._open(merchant)
        changed = False
        if product is None:
            product = self._list_product(draft, merchant)
            changed = True
        changed |= self._speak(draft, merchant, product)
        if sku is None:
            self._list_sku(draft, merchant, product, price_minor)
            self.outcomes["loaded"] += 1
            return
        changed |= self._change_sku(draft, product, sku, price_minor)
        changed |= self._change_stock(draft, sku)
        self.outcomes["updated" if changed else "unchanged"] += 1

    def _merchant(self, draft: Draft) -> MerchantRow:
        merchant = self.merchants.get(draft.merchant_code)
        if not rules.may_change(self.actor, merchant_id=merchant.id if merchant else None):
            raise BadCell(column="merchant", reason=f"“{draft.merchant_code}” is not a merchant of yours")
        if merchant is None:
            name = draft.merchant_name
            return MerchantRow(
                id=new_id(at=self.at, rng=self.rng),
                code=draft.merchant_code,
                name=self.house_name if draft.merchant_code == rules.HOUSE_CODE else name,
                currency=draft.currency or rules.DEFAULT_CURRENCY,
                state="active",
            )
        if merchant.state != "active":
            raise BadCell(column="merchant", reason=f"“{merchant.code}” is closed")
        if draft.currency and draft.currency != merchant.currency:
            raise BadCell(
                column="currency",
                reason=f"it is {draft.currency}, but {merchant.code} sells in {merchant.currency}",
            )
        return merchant

    def _product(self, draft: Draft, merchant: MerchantRow, sku: SkuRow | None) -> ProductRow | None:
        if sku is not None:
            product = self.products[sku.product_id]
            if draft.product and draft.product != product.code:
                raise BadCell(column="product", reason=f"{sku.code} belongs to “{product.code}”: a SKU does not move")
            return product
        found = self.products_by_code.get((merchant.id, draft.product or draft.sku))
        if found is None and not draft.title:
            raise BadCell(column="title", reason="it is empty")
        if found is not None and len(found.siblings) >= rules.SKUS_MAX:
            raise BadCell(column="product", reason=f"it has {rules.SKUS_MAX} SKUs, more are not taken")
        return found

    def _price(self, draft: Draft, merchant: MerchantRow, sku: SkuRow | None) -> int:
        if draft.price:
            return rules.price_of(draft.price, currency=merchant.currency)
        if sku is None:
            raise BadCell(column="price", reason="it is empty")
        return sku.price_minor

    def _judge_stock(self, draft: Draft, sku: SkuRow | None) -> None:
        if sku is not None and draft.stock is not None and draft.stock < sku.reserved:
            raise BadCell(column="stock", reason=f"{sku.reserved} are reserved for orders, {draft.stock} is too few")

    # -- what it changes --

    def _open(self, merchant: MerchantRow) -> None:
        self.merchants[merchant.code] = merchant
        self.new_merchants.append(
            {
                "id": merchant.id,
                "code": merchant.code,
                "name": merchant.name,
                "currency": merchant.currency,
                "state": merchant.state,
                "created_at": self.at,
            }
        )
        self.events.append(Event("merchant.opened", merchant.id, {"currency": merchant.currency}))

    def _category(self, names: tuple[str, ...]) -> UUID | None:
        parent: UUID | None = None
        for depth, name in enumerate(names):
            path = rules.category_path(names[: depth + 1])
            known = self.categories.get(path)
            if known is None:
                known = self.categories[path] = new_id(at=self.at, rng=self.rng)
                self.new_categories.append(
                    {
                        "id": known,
                        "parent_id": parent,
                        "name": name,
                        "path": path,
                        "sort_key": rules.sort_key(name),
                        "created_at": self.at,
                    }
                )
                data = {"parent": str(parent) if parent else None}
                self.events.append(Event("category.opened", known, data))
            parent = known
        return parent

    def _list_product(self, draft: Draft, merchant: MerchantRow) -> ProductRow:
        product = ProductRow(
            id=new_id(at=self.at, rng=self.rng),
            merchant_id=merchant.id,
            category_id=None,
            code=draft.product or draft.sku,
            title=draft.title,
            description="",
            state="listed",
        )
        self.products[product.id] = self.new_products[product.id] = product
        self.products_by_code[merchant.id, product.code] = product
        self.events.append(Event("product.listed", product.id, {"merchant": str(merchant.id)}))
        return product

    def _speak(self, draft: Draft, merchant: MerchantRow, product: ProductRow) -> bool:
        """Take over the product fields for which no row has spoken; tell whether that changed any."""
        changed = set()
        for name in _PRODUCT_FIELDS:
            given = getattr(draft, name)
            if given is None or given in ("", ()):
                continue
            first = self.spoken.first(merchant_code=merchant.code, product_code=product.code, name=name)
            wanted, old = self._wanted(name, draft, product, first=first)
            if wanted == old:
                continue
            if not first:
                self.spoken.differing[name] += 1
                continue
            setattr(product, {"category": "category_id", "pictures": "picture_ids"}.get(name, name), wanted)
            changed.add(name)
        if changed:
            self.changed_products.setdefault(product.id, set()).update(changed)
            self.searched_anew.add(product.id)
        return bool(changed)

    def _wanted(self, name: str, draft: Draft, product: ProductRow, *, first: bool) -> tuple[object, object]:
        if name == "category":
            if not first:
                return self.categories.get(rules.category_path(draft.category)), product.category_id
            return self._category(draft.category), product.category_id
        if name == "pictures":
            return self._picture_ids(draft, product, first=first), product.picture_ids
        return getattr(draft, name), getattr(product, name)

    def _picture_ids(self, draft: Draft, product: ProductRow, *, first: bool) -> list[UUID]:
        found = [self.found_pictures[name] for name in draft.pictures]
        reasons = [reason for reason in found if isinstance(reason, str)]
        if first:
            self.left_out.extend(Fault(draft.line, "pictures", reason) for reason in reasons)
        if reasons and (product.picture_ids or not first):
            return product.picture_ids
        return list(dict.fromkeys(one for one in found if isinstance(one, UUID)))

    def _list_sku(self, draft: Draft, merchant: MerchantRow, product: ProductRow, price_minor: int) -> None:
        options = draft.options or ()
        position = max((one.position for one in product.siblings), default=-1) + 1
        sku = SkuRow(
            id=new_id(at=self.at, rng=self.rng),
            product_id=product.id,
            merchant_id=merchant.id,
            code=draft.sku,
            title=rules.sku_title(title=product.title, options=options),
            options=options,
            price_minor=price_minor,
            currency=merchant.currency,
            state="listed",
            position=position,
            version=1,
            tracked=False,
            on_hand=0,
            reserved=0,
            weight_grams=draft.weight_grams,
        )
        product.siblings.append(SiblingRow(sku.id, sku.code, options, position))
        self.searched_anew.add(product.id)
        self.skus[merchant.id, sku.code] = self.new_skus[sku.id] = sku
        data = {"product": str(product.id), "price_minor": price_minor, "currency": sku.currency}
        self.events.append(Event("sku.listed", sku.id, data))
        self._change_stock(draft, sku)

    def _change_sku(self, draft: Draft, product: ProductRow, sku: SkuRow, price_minor: int) -> bool:
        changed = False
        if draft.options is not None and draft.options != sku.options:
            sku.options = draft.options
            sku.title = rules.sku_title(title=product.title, options=sku.options)
            for sibling in product.siblings:
                if sibling.id == sku.id:
                    sibling.options = draft.options
            self.events.append(Event("sku.changed", sku.id, {"fields": ["options"]}))
            changed = True
        if draft.weight_grams is not None and draft.weight_grams != sku.weight_grams:
            sku.weight_grams, sku.version = draft.weight_grams, sku.version + 1
            self.events.append(Event("sku.changed", sku.id, {"fields": ["weight_grams"]}))
            changed = True
        if price_minor != sku.price_minor:
            old, sku.price_minor, sku.version = sku.price_minor, price_minor, sku.version + 1
            self.events.append(_offer_changed(sku, old_price_minor=old, old_state=sku.state))
            changed = True
        if changed:
            self.changed_skus[sku.id] = sku
        return changed

    def _change_stock(self, draft: Draft, sku: SkuRow) -> bool:
        if draft.stock is None or (sku.tracked and draft.stock == sku.on_hand):
            return False
        first, quantity = not sku.tracked, draft.stock - sku.on_hand
        sku.tracked, sku.on_hand = True, draft.stock
        self.changed_stock[sku.id] = sku
        if quantity:
            kind = "received" if first and quantity > 0 else "corrected"
            self.movements.append(
                _movement(
                    sku.id, kind=kind, quantity=quantity, reason="import", actor=self.actor, at=self.at, rng=self.rng
                )
            )
        name = "stock.received" if first else "stock.corrected"
        self.events.append(Event(name, sku.id, {"sku": str(sku.id), "quantity": quantity}))
        return True

    # -- writing --

    async def write(self, connection: AsyncConnection) -> None:
        """Write what the rows came to: parents before children, everything of a kind at once."""
        retitled = [
            self.products[id]
            for id, fields in self.changed_products.items()
            if "title" in fields and id not in self.new_products
        ]
        await _many(connection, merchants.insert(), self.new_merchants)
        await _many(connection, categories.insert(), self.new_categories)
        await _many(connection, store.INSERT_PRODUCT, [self._product_values(one) for one in self.new_products.values()])
        await _many(
            connection,
            store.UPDATE_PRODUCT,
            [
                product_update(self.products[id], at=self.at)
                for id in sorted(self.searched_anew - set(self.new_products))
            ],
        )
        await self._write_pictures(connection)
        await _many(connection, skus.insert(), [self._sku_values(one) for one in self.new_skus.values()])
        await _many(
            connection,
            store.UPDATE_SKU,
            [_sku_update(one, at=self.at) for one in self.changed_skus.values() if one.id not in self.new_skus],
        )
        await _many(connection, store.UPDATE_SKU_TITLE, [one for product in retitled for one in sku_titles(product)])
        await _many(
            connection,
            store.BUMP_VERSIONS,
            [
                {"of_product_id": id}
                for id, fields in sorted(self.changed_products.items())
                if "tax_rate_ppm" in fields and id not in self.new_products
            ],
        )
        await self._write_stock(connection)
        happened = [*self.events, *self._product_events()]
        await record_events(connection, happened=happened, actor=self.actor, at=self.at)
        if happened:
            await record_act(
                connection,
                act="catalogue.import",
                subject="catalogue",
                detail={**self.outcomes, "rejected": len(self.rejected)},
                actor=self.actor,
                at=self.at,
                rng=self.rng,
            )
            await store.notify(connection)

    def _product_events(self) -> list[Event]:
        return [
            Event("product.changed", id, {"fields": sorted(fields)})
            for id, fields in self.changed_products.items()
            if id not in self.new_products
        ]

    def _product_values(self, product: ProductRow) -> dict[str, Any]:
        made = product_update(product, at=self.at)
        return {
            "id": product.id,
            "merchant_id": product.merchant_id,
            "category_id": product.category_id,
            "code": product.code,
            "title": product.title,
            "description": product.description,
            "state": product.state,
            "sort_key": made["new_sort_key"],
            "lexemes": made["lexemes"],
            "search_text": made["new_search_text"],
            "tax_rate_ppm": product.tax_rate_ppm,
            "created_at": self.at,
            "changed_at": self.at,
        }

    def _sku_values(self, sku: SkuRow) -> dict[str, Any]:
        return {
            "id": sku.id,
            "product_id": sku.product_id,
            "merchant_id": sku.merchant_id,
            "code": sku.code,
            "title": sku.title,
            "options": [list(pair) for pair in sku.options],
            "price_minor": sku.price_minor,
            "currency": sku.currency,
            "state": sku.state,
            "position": sku.position,
            "version": sku.version,
            "weight_grams": sku.weight_grams,
            "created_at": self.at,
            "changed_at": self.at,
        }

    async def _write_pictures(self, connection: AsyncConnection) -> None:
        changed = [self.products[id] for id, fields in self.changed_products.items() if "pictures" in fields]
        if changed:
            await connection.execute(store.DELETE_PRODUCT_PICTURES, {"product_ids": [one.id for one in changed]})
        links = [
            {"product_id": product.id, "position": position, "picture_id": picture_id}
            for product in changed
            for position, picture_id in enumerate(product.picture_ids)
        ]
        await _many(connection, product_pictures.insert(), links)

    async def _write_stock(self, connection: AsyncConnection) -> None:
        new = [
            {"sku_id": sku.id, "tracked": sku.tracked, "on_hand": sku.on_hand, "reserved": 0}
            for sku in self.new_skus.values()
        ]
        changed = [_stock_update(sku) for id, sku in self.changed_stock.items() if id not in self.new_skus]
        await _many(connection, sku_stock.insert(), new)
        # A SKU stands once in a file, so no later row of a dry run reads what is left out here.
        await _many(connection, store.UPDATE_STOCK, [] if self.dry_run else changed)
        await _many(connection, stock_movements.insert(), self.movements)


async def add_picture(
    connection: AsyncConnection, *, prepared: Prepared, actor: Actor, at: datetime, rng: Chance
) -> UUID:
    """Keep a picture and its sizes, once for the same bytes; return its id."""
    await store.take_turn(connection)
    if known := await store.picture_by_sha(connection, sha256=prepared.sha256):
        return known
    picture_id = new_id(at=at, rng=rng)
    await connection.execute(
        pictures.insert(),
        {
            "id": picture_id,
            "sha256": prepared.sha256,
            "media_type": prepared.media_type,
            "width": prepared.width,
            "height": prepared.height,
            "created_at": at,
        },
    )
    files = [{"picture_id": picture_id, "size": size, "content": content} for size, content in prepared.files.items()]
    await connection.execute(store.INSERT_PICTURE_FILES, files)
    event = Event("picture.added", picture_id, {"bytes": len(prepared.files["original"])})
    await record_events(connection, happened=[event], actor=actor, at=at)
    return picture_id


async def correct(
    connection: AsyncConnection,
    *,
    sku_id: UUID,
    change: int,
    reason: str,
    actor: Actor,
    at: datetime,
    rng: Chance,
) -> int:
    """
    Add ``change`` (signed) to what is on hand of a SKU, with the reason; return what is on hand then.

    :raises StockUnchanged, ReasonMissing, SkuUnknown, NotYourMerchant, StockNotTracked: as they say
    :raises StockBelowReserved: if fewer would be left than orders have reserved
    """
    if not change:
        raise StockUnchanged()
    reason = rules.clean_reason(reason)
    sku = await _one_sku(connection, sku_id)
    rules.require_access(actor, merchant_id=sku.merchant_id)
    if not sku.tracked:
        raise StockNotTracked(sku=sku.code)
    wanted = sku.on_hand + change
    if wanted < sku.reserved:
        raise StockBelowReserved(sku=sku.code, reserved=sku.reserved, wanted=wanted)
    if wanted > rules.STOCK_MAX:
        raise BadCell(column="stock", reason=f"it is above {rules.STOCK_MAX}")
    sku.on_hand = wanted
    await connection.execute(store.UPDATE_STOCK, _stock_update(sku))
    await connection.execute(
        stock_movements.insert(),
        _movement(sku_id, kind="corrected", quantity=change, reason=reason, actor=actor, at=at, rng=rng),
    )
    event = Event("stock.corrected", sku_id, {"sku": str(sku_id), "quantity": change})
    await record_events(connection, happened=[event], actor=actor, at=at)
    await record_act(
        connection,
        act="stock.correct",
        subject=public_id("sku", sku_id),
        detail={"change": change, "on_hand": wanted, "reason": reason},
        actor=actor,
        at=at,
        rng=rng,
    )
    return wanted


async def change_sku_offer(
    connection: AsyncConnection,
    *,
    sku_id: UUID,
    price_minor: int | None,
    state: str | None,
    actor: Actor,
    at: datetime,
    rng: Chance,
) -> int:
    """
    Set the price (minor units of the merchant's currency) or the state of a SKU; return the offer's version.

    The stock's row is locked first, as an order locks it, and the version grows: an order that was decided on
    the old offer is decided again. The same values again change nothing.

    :raises SkuUnknown, NotYourMerchant, NothingToChange: as they say
    :raises BadCell: if the price or the state is none
    """
    if price_minor is None and state is None:
        raise NothingToChange()
    _check_state(state)
    if price_minor is not None and not 0 <= price_minor <= MINOR_MAX:
        raise BadCell(column="price", reason="it is below 0 or larger than any price may be")
    sku = await _one_sku(connection, sku_id)
    rules.require_access(actor, merchant_id=sku.merchant_id)
    old_price_minor, old_state = sku.price_minor, sku.state
    sku.price_minor = sku.price_minor if price_minor is None else price_minor
    sku.state = state or sku.state
    if (sku.price_minor, sku.state) == (old_price_minor, old_state):
        return sku.version
    sku.version += 1
    await connection.execute(store.UPDATE_SKU, _sku_update(sku, at=at))
    event = _offer_changed(sku, old_price_minor=old_price_minor, old_state=old_state)
    await record_events(connection, happened=[event], actor=actor, at=at)
    await record_act(
        connection,
        act="offer.change",
        subject=public_id("sku", sku_id),
        detail=dict(event.data),
        actor=actor,
        at=at,
        rng=rng,
    )
    await store.notify(connection)
    return sku.version


async def change_product_words(
    connection: AsyncConnection,
    *,
    product_id: UUID,
    title: str | None,
    description: str | None,
    state: str | None,
    actor: Actor,
    at: datetime,
    rng: Chance,
) -> None:
    """
    Set a product's title, description or state. A new state makes the offers of all its SKUs new versions.

    :raises ProductUnknown, NotYourMerchant, NothingToChange: as they say
    :raises BadCell: if a value is none
    """
    wanted = {
        "title": None if title is None else rules.clean_title(title),
        "description": None if description is None else rules.clean_description(description),
        "state": _check_state(state),
    }
    if all(value is None for value in wanted.values()):
        raise NothingToChange()
    await store.take_turn(connection)
    found = await store.products_with_siblings(connection, product_ids=[product_id])
    if not found:
        raise ProductUnknown(given=public_id("prd", product_id))
    product = found[0]
    rules.require_access(actor, merchant_id=product.merchant_id)
    old = {name: getattr(product, name) for name in wanted}
    fields = rules.changed_fields(old, {name: value for name, value in wanted.items() if value is not None})
    if not fields:
        return
    for name in fields:
        setattr(product, name, wanted[name])
    if "state" in fields:
        await store.locked_skus(connection, sku_ids=[one.id for one in product.siblings])
        await connection.execute(store.BUMP_VERSIONS, {"of_product_id": product_id})
    await connection.execute(store.UPDATE_PRODUCT, product_update(product, at=at))
    if "title" in fields:
        await _many(connection, store.UPDATE_SKU_TITLE, sku_titles(product))
    data = {"fields": fields} | ({"state": product.state} if "state" in fields else {})
    await record_events(connection, happened=[Event("product.changed", product_id, data)], actor=actor, at=at)
    await record_act(
        connection,
        act="product.change",
        subject=public_id("prd", product_id),
        detail={name: getattr(product, name) for name in fields},
        actor=actor,
        at=at,
        rng=rng,
    )
    await store.notify(connection)


async def change_sku_terms(
    connection: AsyncConnection,
    *,
    sku_id: UUID,
    weight_grams: int | None,
    tax_rate_ppm: int | None,
    actor: Actor,
    at: datetime,
    rng: Chance,
) -> None:
    """
    Set the weight of a SKU (grams; 0: delivered digitally) and the tax rate of its product; None leaves one as it is.

    Both are part of what an order is decided on, so the versions of the offers grow.

    :raises SkuUnknown, NotYourMerchant, NothingToChange: as they say
    """
    if weight_grams is None and tax_rate_ppm is None:
        raise NothingToChange()
    await store.take_turn(connection)
    sku = await _one_sku(connection, sku_id)
    rules.require_access(actor, merchant_id=sku.merchant_id)
    (product,) = await store.products_with_siblings(connection, product_ids=[sku.product_id])
    happened = []
    if weight_grams is not None and weight_grams != sku.weight_grams:
        sku.weight_grams, sku.version = weight_grams, sku.version + 1
        await connection.execute(store.UPDATE_SKU, _sku_update(sku, at=at))
        happened.append(Event("sku.changed", sku_id, {"fields": ["weight_grams"]}))
    if tax_rate_ppm is not None and tax_rate_ppm != product.tax_rate_ppm:
        await store.locked_skus(connection, sku_ids=[one.id for one in product.siblings])
        await connection.execute(
            store.UPDATE_TAX_RATE,
            {"of_product_id": product.id, "new_tax_rate_ppm": tax_rate_ppm, "new_changed_at": at},
        )
        await connection.execute(store.BUMP_VERSIONS, {"of_product_id": product.id})
        happened.append(Event("product.changed", product.id, {"fields": ["tax_rate_ppm"]}))
    if not happened:
        return
    await record_events(connection, happened=happened, actor=actor, at=at)
    await record_act(
        connection,
        act="sku.terms",
        subject=public_id("sku", sku_id),
        detail={"weight_grams": weight_grams, "tax_rate_ppm": tax_rate_ppm},
        actor=actor,
        at=at,
        rng=rng,
    )
    await store.notify(connection)


def product_update(product: ProductRow, *, at: datetime) -> dict[str, Any]:
    """Return the values of a product's row that follow from its words and its SKUs."""
    searched = rules.search_text(
        title=product.title, description=product.description, codes=[one.code for one in product.siblings]
    )
    return {
        "product_id": product.id,
        "new_category_id": product.category_id,
        "new_title": product.title,
        "new_description": product.description,
        "new_state": product.state,
        "new_sort_key": rules.sort_key(product.title),
        "lexemes": rules.search_vector(searched),
        "new_search_text": searched,
        "new_tax_rate_ppm": product.tax_rate_ppm,
        "new_changed_at": at,
    }


def sku_titles(product: ProductRow) -> list[dict[str, Any]]:
    """Return the titles that a product's SKUs have when its own has changed."""
    return [
        {"sku_id": one.id, "new_title": rules.sku_title(title=product.title, options=one.options)}
        for one in product.siblings
    ]


async def _one_sku(connection: AsyncConnection, sku_id: UUID) -> SkuRow:
    found = await store.locked_skus(connection, sku_ids=[sku_id])
    if not found:
        raise SkuUnknown(given=public_id("sku", sku_id))
    return found[0]


async def _many(connection: AsyncConnection, statement: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        await connection.execute(statement, rows)


def _check_state(state: str | None) -> str | None:
    if state not in (None, "listed", "unlisted"):
        raise BadCell(column="state", reason="it is neither listed nor unlisted")
    return state


def _offer_changed(sku: SkuRow, *, old_price_minor: int, old_state: str) -> Event:
    return Event(
        "sku.offer_changed",
        sku.id,
        {
            "old_price_minor": old_price_minor,
            "new_price_minor": sku.price_minor,
            "old_state": old_state,
            "new_state": sku.state,
            "version": sku.version,
        },
    )


def _sku_update(sku: SkuRow, *, at: datetime) -> dict[str, Any]:
    return {
        "sku_id": sku.id,
        "new_title": sku.title,
        "new_options": [list(pair) for pair in sku.options],
        "new_price_minor": sku.price_minor,
        "new_state": sku.state,
        "new_version": sku.version,
        "new_weight_grams": sku.weight_grams,
        "new_changed_at": at,
    }


def _stock_update(sku: SkuRow) -> dict[str, Any]:
    return {"stock_sku_id": sku.id, "new_tracked": sku.tracked, "new_on_hand": sku.on_hand}


def _movement(
    sku_id: UUID, *, kind: str, quantity: int, reason: str, actor: Actor, at: datetime, rng: Chance
) -> dict[str, Any]:
    return {
        "id": new_id(at=at, rng=rng),
        "sku_id": sku_id,
        "kind": kind,
        "quantity": quantity,
        "reason": reason,
        "order_id": None,
        "actor_id": actor.member_id,
        "occurred_at": at,
    }
