"""
What an invoice looks like: its frozen content as a sheet, and nothing else.

The words stand here and not in the catalogues, amounts are written without the machine's or a library's customs: an
invoice that was issued reads the same after any translation is mended. A change of a word is a new layout.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from fissile.domain.invoices.model import Content, Line
from fissile.infra.documents import Column, Sheet, Table, language
from fissile.kernel.money import PPM, Money

_EN = {
    "invoice": "Invoice",
    "credit_note": "Credit note",
    "number": "Number",
    "corrects": "Corrects the invoice",
    "seller": "Seller",
    "buyer": "Buyer",
    "address": "Address",
    "issued": "Issued",
    "placed": "Ordered",
    "paid": "Paid",
    "order": "Order",
    "refund": "Refund",
    "currency": "Currency",
    "item": "Item",
    "quantity": "Quantity",
    "unit": "Unit price",
    "rate": "Tax rate",
    "amount": "Amount",
    "goods": "Goods",
    "shipping": "Shipping",
    "total": "Total",
    "credited": "Given back",
    "tax": "contains tax, {rate}",
    "no_tax": "Contains no tax.",
    "note": "Prices contain the tax. Days are in UTC.",
}
# 发票 is what a tax office prints: this is none, and says so.
_ZH = {
    "invoice": "账单",
    "credit_note": "贷项通知单",
    "number": "编号",
    "corrects": "所冲减的账单",
    "seller": "销售方",
    "buyer": "购买方",
    "address": "地址",
    "issued": "开具日期",
    "placed": "下单日期",
    "paid": "付款日期",
    "order": "订单号",
    "refund": "退款号",
    "currency": "币种",
    "item": "商品",
    "quantity": "数量",
    "unit": "单价",
    "rate": "税率",
    "amount": "金额",
    "goods": "商品小计",
    "shipping": "运费",
    "total": "合计",
    "credited": "退还合计",
    "tax": "其中税额，税率 {rate}",
    "no_tax": "不含税额。",
    "note": "价格已含税，日期按 UTC 计。本单据不是税务机关监制的发票。",
}
_WORDS: Mapping[str, Mapping[str, str]] = {"en": _EN, "zh": _ZH}


def sheet_of(content: Content) -> Sheet:
    """Return the sheet of an invoice or credit note; the same content is the same sheet."""
    say = _WORDS[language(content.locale)]
    facts = [
        (say["number"], content.number),
        (say["corrects"], content.corrects),
        (say["issued"], content.issued_on),
        (say["seller"], content.seller),
        (say["buyer"], content.buyer_name),
        (say["address"], content.buyer_address),
        (say["order"], content.order),
        (say["refund"], content.refund),
        (say["placed"], content.placed_on),
        (say["paid"], content.paid_on),
        (say["currency"], content.currency),
    ]
    goods = sum(line.amount_minor for line in content.lines)
    totals = [(say["goods"], _amount(goods, content.currency))]
    if content.shipping_minor:
        totals.append((say["shipping"], _amount(content.shipping_minor, content.currency)))
    last = say["total"] if content.kind == "invoice" else say["credited"]
    totals.append((last, f"{content.currency} {_amount(content.total_minor, content.currency)}"))
    totals += [
        (say["tax"].format(rate=_rate(tax.rate_ppm)), _amount(tax.tax_minor, content.currency)) for tax in content.taxes
    ]
    return Sheet(
        title=f"{say[content.kind]} {content.number}",
        locale=content.locale,
        subtitle=content.shop,
        facts=[(name, value) for name, value in facts if value],
        tables=[
            Table(
                columns=(
                    Column(label=say["item"], share=1),
                    Column(label=say["quantity"], align="right"),
                    Column(label=say["unit"], align="right"),
                    Column(label=say["rate"], align="right"),
                    Column(label=say["amount"], align="right"),
                ),
                rows=[_row(line, content.currency) for line in content.lines],
                totals=totals,
            )
        ],
        notes=[*(() if content.taxes else (say["no_tax"],)), say["note"]],
        foot=f"{content.seller} · {content.number}",
    )


def _row(line: Line, currency: str) -> tuple[str, ...]:
    return (
        line.title,
        str(line.quantity) if line.quantity else "–",
        _amount(line.unit_minor, currency),
        _rate(line.tax_rate_ppm),
        _amount(line.amount_minor, currency),
    )


def _amount(minor: int, currency: str) -> str:
    return f"{Money(minor, currency).major():,f}"


def _rate(ppm: int) -> str:
    return f"{(Decimal(ppm) * 100 / PPM).normalize():f} %"
