"""Invariants of invoices: numbers without gaps, contents as issued, sums as the order and its refunds say."""

from __future__ import annotations

from fissile.views.audit_rule import Rule

INVOICES = (
    Rule(
        name="invoices are numbered without a gap, one an order, one credit note a refund",
        invariant=12,
        tables=("invoices", "invoice_series"),
        sql="""
SELECT 'invoice_series', coalesce(s.merchant_id, i.merchant_id)::text,
       format('%s %s: %s documents have the numbers %s to %s, %s of them different; the counter stands at %s',
              coalesce(s.kind, i.kind), coalesce(s.year, i.year), coalesce(i.many, 0), i.low, i.high, i.different,
              coalesce(s.last_number, 0))
  FROM invoice_series s
  FULL JOIN (SELECT merchant_id, year, kind, count(*) AS many, count(DISTINCT number) AS different,
                    min(number) AS low, max(number) AS high FROM invoices GROUP BY 1, 2, 3) i
    ON (i.merchant_id, i.year, i.kind) = (s.merchant_id, s.year, s.kind)
 WHERE (i.many, i.different, i.low, i.high) IS DISTINCT FROM (s.last_number, s.last_number, 1::bigint, s.last_number)
UNION ALL
SELECT 'invoices', max(id::text), format('%s documents are of the order %s and the refund %s', count(*), order_id,
                                         coalesce(refund_id::text, 'none'))
  FROM invoices GROUP BY order_id, refund_id HAVING count(*) > 1
""",
    ),
    Rule(
        name="invoices say what their orders say, credit notes what their refunds say",
        invariant=12,
        tables=("invoices", "order_lines", "refund_lines"),
        sql="""
WITH said AS (
  SELECT i.*, i.content::jsonb AS c FROM invoices i
), lines AS (
  SELECT i.id, sum((l->>'amount_minor')::bigint) AS amount, sum((l->>'tax_minor')::bigint) AS tax,
         sum((l->>'quantity')::bigint) AS quantity
    FROM said i CROSS JOIN LATERAL jsonb_array_elements(i.c->'lines') AS l GROUP BY i.id
), taxes AS (
  SELECT i.id, sum((t->>'tax_minor')::bigint) AS tax
    FROM said i CROSS JOIN LATERAL jsonb_array_elements(i.c->'taxes') AS t GROUP BY i.id
), wanted AS (
  SELECT i.id, o.total_minor AS total, o.shipping_minor AS shipping, w.amount, w.tax, w.quantity
    FROM invoices i JOIN orders o ON o.id = i.order_id
    LEFT JOIN LATERAL (SELECT sum(amount_minor) AS amount, sum(tax_minor) AS tax, sum(quantity) AS quantity
                         FROM order_lines l WHERE l.order_id = o.id) w ON true
   WHERE i.kind = 'invoice'
   UNION ALL
  SELECT i.id, r.amount_minor, coalesce(w.shipping, 0), coalesce(w.amount, 0), NULL, coalesce(w.quantity, 0)
    FROM invoices i JOIN refunds r ON r.id = i.refund_id AND r.order_id = i.order_id
    JOIN invoices v ON v.id = i.invoice_id AND v.order_id = i.order_id AND v.kind = 'invoice'
    LEFT JOIN LATERAL (SELECT sum(amount_minor) FILTER (WHERE line_no > 0) AS amount, sum(quantity) AS quantity,
                              sum(amount_minor) FILTER (WHERE line_no = 0) AS shipping
                         FROM refund_lines l WHERE l.refund_id = r.id) w ON true
)
SELECT 'invoices', i.id::text,
       format('%s says total %s, shipping %s, lines %s, tax %s; its order or refund says %s, %s, %s and %s',
              i.c->>'number', i.c->>'total_minor', i.c->>'shipping_minor', l.amount, l.tax, w.total, w.shipping,
              w.amount, coalesce(w.tax, l.tax))
  FROM said i LEFT JOIN wanted w ON w.id = i.id LEFT JOIN lines l ON l.id = i.id LEFT JOIN taxes t ON t.id = i.id
  LEFT JOIN orders o ON o.id = i.order_id
 WHERE ((i.c->>'total_minor')::bigint, i.total_minor, (i.c->>'shipping_minor')::bigint, i.c->>'currency', i.currency,
        coalesce(l.amount, 0), coalesce(l.quantity, 0), i.merchant_id)
         IS DISTINCT FROM (w.total, w.total, w.shipping, o.currency, o.currency, w.amount, w.quantity, o.merchant_id)
    OR w.amount + w.shipping <> w.total OR coalesce(t.tax, 0) <> coalesce(l.tax, 0)
    OR coalesce(l.tax, 0) <> coalesce(w.tax, l.tax, 0) OR i.c->>'kind' <> i.kind
    OR i.c->>'number' <> format('%s-%s-%s', CASE i.kind WHEN 'invoice' THEN 'INV' ELSE 'CN' END, i.year,
                                CASE WHEN i.number > 999999 THEN i.number::text ELSE lpad(i.number::text, 6, '0') END)
UNION ALL
SELECT 'invoices', max(i.id::text),
       format('the credit notes of the order %s contain %s of tax, its lines contain %s', i.order_id, sum(l.tax),
              (SELECT sum(tax_minor) FROM order_lines x WHERE x.order_id = i.order_id))
  FROM said i JOIN lines l ON l.id = i.id WHERE i.kind = 'credit_note' GROUP BY i.order_id
HAVING sum(l.tax) > (SELECT sum(tax_minor) FROM order_lines x WHERE x.order_id = i.order_id)
""",
    ),
    Rule(
        name="each invoice was issued once and is as it was, as its event tells",
        invariant=8,
        tables=("invoices", "events"),
        sql="""
SELECT 'invoices', coalesce(i.id, e.subject_id)::text,
       format('it is number %s of %s; events tell %s, %s times, or another content', i.number, i.total_minor, e.data,
              coalesce(e.told, 0))
  FROM invoices i
  FULL JOIN (SELECT subject_id, count(*) AS told, (array_agg(data))[1] AS data, min(occurred_at) AS at
               FROM events WHERE name = 'invoice.issued' GROUP BY subject_id) e ON e.subject_id = i.id
 WHERE (1::bigint, i.issued_at, i.kind, i.merchant_id::text, i.year::text, i.number::text, i.order_id::text,
        i.refund_id::text, i.total_minor::text, i.currency, encode(sha256(convert_to(i.content, 'UTF8')), 'hex'))
         IS DISTINCT FROM (e.told, e.at, e.data->>'kind', e.data->>'merchant', e.data->>'year', e.data->>'number',
                           e.data->>'order', e.data->>'refund', e.data->>'total', e.data->>'currency',
                           e.data->>'sha256')
""",
    ),
)
