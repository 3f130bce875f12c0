"""Checkouts, shipping, tax, returns, carts and address books, recomputed from the rows."""

from __future__ import annotations

from fissile.views.audit_rule import Rule

CHECKOUT = (
    Rule(
        name="orders of one checkout were placed together by one buyer, one a merchant",
        invariant=11,
        tables=("orders",),
        sql="""
SELECT 'orders', checkout_id::text, format('%s orders of it differ in buyer or moment, or share a merchant', count(*))
  FROM orders WHERE checkout_id IS NOT NULL
 GROUP BY checkout_id
HAVING count(DISTINCT (member_id, visitor_id, placed_at, request_hash, idempotency_key)) > 1
    OR count(DISTINCT merchant_id) < count(*)
""",
    ),
    Rule(
        name="an order's shipping is what the zone of its terms says",
        invariant=11,
        tables=("orders", "shipping_terms"),
        sql="""
SELECT 'orders', o.id::text,
       format('%s were charged for %s g to %s; its terms say %s', o.shipping_minor, o.weight_grams, o.shipping_zone,
              coalesce(z.price::text, 'nothing of it'))
  FROM orders o
  LEFT JOIN LATERAL (
    SELECT CASE WHEN o.goods_minor >= (zone->>'free_from_minor')::bigint THEN 0
                ELSE (zone->>'base_minor')::bigint
                   + CASE WHEN (zone->>'step_grams')::bigint = 0 THEN 0
                          ELSE ceil(greatest(o.weight_grams - (zone->>'first_grams')::bigint, 0)::numeric
                                    / (zone->>'step_grams')::bigint) * (zone->>'step_minor')::bigint END
           END AS price
      FROM shipping_terms t CROSS JOIN LATERAL jsonb_array_elements(t.zones) AS zone
     WHERE t.id = o.shipping_terms_id AND t.merchant_id = o.merchant_id AND (zone->>'ships')::boolean
       AND o.shipping_zone = (SELECT string_agg(region, ' ' ORDER BY n)
                                FROM jsonb_array_elements_text(zone->'regions') WITH ORDINALITY AS r (region, n))
  ) z ON true
 WHERE o.shipping_terms_id IS NOT NULL AND o.shipping_minor IS DISTINCT FROM z.price
""",
    ),
    Rule(
        name="the tax of a line is what its rate contains, rounded half up",
        invariant=11,
        tables=("order_lines",),
        sql="""
SELECT 'order_lines', order_id || '/' || line_no,
       format('%s of %s at %s millionths', tax_minor, amount_minor, tax_rate_ppm)
  FROM order_lines
 WHERE tax_minor <> div(2 * amount_minor::numeric * tax_rate_ppm + 1000000 + tax_rate_ppm,
                        2 * (1000000 + tax_rate_ppm::numeric))
""",
    ),
    Rule(
        name="nobody was paid for what could still be given back",
        invariant=11,
        tables=("commissions", "line_proceeds"),
        sql="""
SELECT part.kind, part.order_id::text,
       format('a part was released at %s; it was sent at %s, completed at %s, and could be given back for %s days',
              part.released_at, o.shipped_at, o.completed_at, o.after_sale_days)
  FROM (SELECT 'commissions' AS kind, order_id, released_at FROM commissions
        UNION ALL SELECT 'line_proceeds', order_id, released_at FROM line_proceeds) part
  JOIN orders o ON o.id = part.order_id
 WHERE o.after_sale_days > 0 AND part.released_at > o.shipped_at
   AND (o.completed_at IS NULL OR part.released_at < o.completed_at + o.after_sale_days * interval '1 day')
   AND (o.closed_at IS NULL OR part.released_at < o.closed_at)
""",
    ),
    Rule(
        name="events fold to the states of requests to give orders back",
        invariant=8,
        tables=("after_sale_requests", "events"),
        sql="""
SELECT 'after_sale_requests', coalesce(r.id, e.subject_id)::text,
       format('it is %s, its events are: %s', coalesce(r.state, 'missing'), coalesce(e.names, 'none'))
  FROM after_sale_requests r
  FULL JOIN (
    SELECT subject_id, string_agg(substr(name, 8), ', ' ORDER BY position) AS names,
           (array_agg(substr(name, 8) ORDER BY position DESC))[1] AS state, count(*) <> count(DISTINCT name) AS doubled
      FROM events WHERE name LIKE 'return.%' GROUP BY subject_id
  ) e ON e.subject_id = r.id
 WHERE e.doubled IS DISTINCT FROM false OR e.state IS DISTINCT FROM r.state
""",
    ),
    Rule(
        name="events fold to what is in carts",
        invariant=8,
        tables=("cart_lines", "events"),
        sql="""
SELECT 'cart_lines', coalesce(l.owner_id, e.owner_id) || '/' || coalesce(l.sku_id, e.sku_id),
       format('%s in the cart, events give %s', coalesce(l.quantity, 0), coalesce(e.quantity, 0))
  FROM cart_lines l
  FULL JOIN (
    SELECT DISTINCT ON (c.subject_id, c.data->>'sku') c.subject_id AS owner_id, (c.data->>'sku')::uuid AS sku_id,
           CASE WHEN c.position > coalesce(gone.position, 0) THEN (c.data->>'quantity')::bigint ELSE 0 END AS quantity
      FROM events c
      LEFT JOIN (SELECT subject_id, max(position) AS position FROM events WHERE name = 'cart.left' GROUP BY 1) gone
        ON gone.subject_id = c.subject_id
     WHERE c.name = 'cart.changed' ORDER BY c.subject_id, c.data->>'sku', c.position DESC
  ) e ON e.owner_id = l.owner_id AND e.sku_id = l.sku_id
 WHERE coalesce(l.quantity, 0) <> coalesce(e.quantity, 0)
""",
    ),
    Rule(
        name="events fold to address books, and each book has one default",
        invariant=8,
        tables=("member_addresses", "events"),
        sql="""
SELECT 'member_addresses', coalesce(a.id, e.subject_id)::text,
       format('it is %s, events say %s', CASE WHEN a.id IS NULL THEN 'gone' ELSE 'there' END,
              coalesce(e.last, 'nothing'))
  FROM member_addresses a
  FULL JOIN (SELECT subject_id, (array_agg(name ORDER BY position DESC))[1] AS last
               FROM events WHERE name LIKE 'address.%' GROUP BY 1) e ON e.subject_id = a.id
 WHERE (a.id IS NOT NULL) IS DISTINCT FROM (e.last <> 'address.removed')
UNION ALL
SELECT 'member_addresses', member_id::text, format('%s defaults', count(*) FILTER (WHERE is_default))
  FROM member_addresses GROUP BY member_id HAVING count(*) FILTER (WHERE is_default) <> 1
""",
    ),
)
