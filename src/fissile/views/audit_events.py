"""Folds: what the events say, table by table, beside what the tables say; and each change told exactly once."""

from __future__ import annotations

from fissile.views.audit_rule import Rule

_ORDERS = (
    Rule(
        name="events fold to the states of orders, each change told once",
        invariant=8,
        tables=("orders", "events"),
        sql="""
SELECT 'orders', coalesce(o.id, e.subject_id)::text,
       format('it is %s, its events are: %s', coalesce(o.state, 'missing'), coalesce(e.names, 'none'))
  FROM orders o
  FULL JOIN (
    SELECT subject_id, string_agg(substr(name, 7), ', ' ORDER BY position) AS names,
           (array_agg(substr(name, 7) ORDER BY position DESC))[1] AS state,
           count(*) <> count(DISTINCT name) AS doubled,
           max(occurred_at) FILTER (WHERE name = 'order.placed') AS placed_at,
           max(occurred_at) FILTER (WHERE name = 'order.paid') AS paid_at,
           max(occurred_at) FILTER (WHERE name = 'order.shipped') AS shipped_at,
           max(occurred_at) FILTER (WHERE name = 'order.completed') AS completed_at,
           max(occurred_at) FILTER (WHERE name IN ('order.cancelled', 'order.expired', 'order.refunded')) AS closed_at
      FROM events WHERE name LIKE 'order.%' AND name <> 'order.partly_refunded' GROUP BY subject_id
  ) e ON e.subject_id = o.id
 WHERE e.doubled IS DISTINCT FROM false OR e.state IS DISTINCT FROM o.state
    OR (e.placed_at, e.paid_at, e.shipped_at, e.completed_at, e.closed_at)
         IS DISTINCT FROM (o.placed_at, o.paid_at, o.shipped_at, o.completed_at, o.closed_at)
""",
    ),
    Rule(
        name="events of orders tell what the order and its lines say",
        invariant=8,
        tables=("events", "order_lines"),
        sql="""
SELECT 'events', e.position::text,
       format('%s of order %s tells %s, which the order or its payment does not say', e.name, e.subject_id, e.data)
  FROM events e
  LEFT JOIN orders o ON o.id = e.subject_id
  LEFT JOIN payments p ON p.id = (e.data->>'payment')::uuid
 WHERE (e.name = 'order.placed' AND (e.data->>'total', e.data->>'shipping', e.data->>'currency', e.data->>'promoter',
                                     e.data->>'second', e.data->>'merchant', e.data->>'checkout')
          IS DISTINCT FROM (o.total_minor::text, o.shipping_minor::text, o.currency, o.credit_promoter_id::text,
                            o.second_promoter_id::text, o.merchant_id::text, o.checkout_id::text))
    OR (e.name IN ('order.paid', 'payment.refused')
        AND (e.data->>'amount', e.data->>'currency', e.data->>'outcome', e.subject_id, e.occurred_at)
          IS DISTINCT FROM (p.amount_minor::text, p.currency, p.outcome, p.order_id, p.received_at))
    OR (e.name IN ('order.refunded', 'order.partly_refunded') AND NOT EXISTS (
          SELECT FROM refunds r
           WHERE r.id = (e.data->>'refund')::uuid AND r.order_id = e.subject_id AND r.posted_at = e.occurred_at
             AND r.amount_minor::text = e.data->>'amount' AND r.currency = e.data->>'currency'))
UNION ALL
SELECT 'order_lines', coalesce(l.order_id, e.order_id) || '/' || coalesce(l.line_no::text, e.sku_id::text),
       format('%s of SKU %s; order.placed tells %s', coalesce(l.quantity, 0), coalesce(l.sku_id, e.sku_id),
              coalesce(e.quantity, 0))
  FROM order_lines l
  FULL JOIN (SELECT e.subject_id AS order_id, (line->>0)::uuid AS sku_id, (line->>1)::bigint AS quantity
               FROM events e CROSS JOIN LATERAL jsonb_array_elements(e.data->'lines') AS line
              WHERE e.name = 'order.placed') e ON e.order_id = l.order_id AND e.sku_id = l.sku_id
 WHERE l.quantity IS DISTINCT FROM e.quantity
""",
    ),
)

# One row for each change of stock that an event tells. Goods of an order are counted from when a SKU is tracked:
# its stock.received; whoever writes either holds the SKU's row, so their positions are in order.
_STOCK_CHANGES = """
  tracked AS (SELECT subject_id AS sku_id, min(position) AS since FROM events WHERE name = 'stock.received' GROUP BY 1),
  change AS (
    SELECT subject_id AS sku_id, (data->>'quantity')::bigint AS on_hand, 0::bigint AS reserved
      FROM events WHERE name IN ('stock.received', 'stock.corrected')
    UNION ALL
    SELECT (part->>0)::uuid, 0, (part->>1)::bigint
      FROM events e CROSS JOIN LATERAL jsonb_array_elements(e.data->'lines') AS part WHERE e.name = 'order.placed'
    UNION ALL
    SELECT (part->>0)::uuid, CASE WHEN e.position > t.since THEN -(part->>1)::bigint ELSE 0 END, -(part->>1)::bigint
      FROM events e CROSS JOIN LATERAL jsonb_array_elements(e.data->'sold') AS part
      LEFT JOIN tracked t ON t.sku_id = (part->>0)::uuid WHERE e.name = 'order.paid'
    UNION ALL
    SELECT (part->>0)::uuid, 0, -(part->>1)::bigint
      FROM events e CROSS JOIN LATERAL jsonb_array_elements(e.data->'released') AS part
     WHERE e.name IN ('order.cancelled', 'order.expired')
    UNION ALL
    SELECT (part->>0)::uuid, (part->>1)::bigint, 0
      FROM events e CROSS JOIN LATERAL jsonb_array_elements(e.data->'returned') AS part
     WHERE e.name IN ('order.refunded', 'order.partly_refunded')
  )
"""

_STOCK = (
    Rule(
        name="events fold to stock on hand and reserved",
        invariant=8,
        tables=("sku_stock", "events"),
        sql=f"""
WITH {_STOCK_CHANGES}
SELECT 'sku_stock', s.sku_id::text,
       format('%s on hand and %s reserved; events give %s and %s', s.on_hand, s.reserved, coalesce(e.on_hand, 0),
              coalesce(e.reserved, 0))
  FROM sku_stock s
  LEFT JOIN (SELECT sku_id, sum(on_hand) AS on_hand, sum(reserved) AS reserved FROM change GROUP BY sku_id) e
    ON e.sku_id = s.sku_id
 WHERE (s.on_hand, s.reserved) IS DISTINCT FROM (coalesce(e.on_hand, 0)::bigint, coalesce(e.reserved, 0)::bigint)
""",
    ),
    Rule(
        name="each movement of stock is told by one event",
        invariant=8,
        tables=("stock_movements", "events"),
        sql=f"""
WITH {_STOCK_CHANGES}
SELECT 'stock_movements', coalesce(m.id, 'of SKU ' || e.sku),
       format('SKU %s: %s movements of %s at %s, events tell %s', coalesce(m.sku, e.sku), coalesce(m.movements, 0),
              coalesce(m.quantity, e.quantity), coalesce(m.moved_at, e.moved_at), coalesce(e.told, 0))
  FROM (SELECT sku_id AS sku, quantity, occurred_at AS moved_at, count(*) AS movements, max(id::text) AS id
          FROM stock_movements GROUP BY 1, 2, 3) m
  FULL JOIN (
    SELECT sku, quantity, moved_at, count(*) AS told FROM (
      SELECT subject_id AS sku, (data->>'quantity')::bigint AS quantity, occurred_at AS moved_at
        FROM events WHERE name IN ('stock.received', 'stock.corrected') AND (data->>'quantity')::bigint <> 0
      UNION ALL
      SELECT t.sku_id, -(part->>1)::bigint, e.occurred_at
        FROM events e CROSS JOIN LATERAL jsonb_array_elements(e.data->'sold') AS part
        JOIN tracked t ON t.sku_id = (part->>0)::uuid AND e.position > t.since WHERE e.name = 'order.paid'
      UNION ALL
      SELECT (part->>0)::uuid, (part->>1)::bigint, e.occurred_at
        FROM events e CROSS JOIN LATERAL jsonb_array_elements(e.data->'returned') AS part
       WHERE e.name IN ('order.refunded', 'order.partly_refunded')
    ) one GROUP BY 1, 2, 3
  ) e ON e.sku = m.sku AND e.quantity = m.quantity AND e.moved_at = m.moved_at
 WHERE m.movements IS DISTINCT FROM e.told
""",
    ),
)

_TOLD = """
  told AS (
    SELECT e.position, e.occurred_at, e.subject_id, (t->>0)::uuid AS id, (t->>1)::uuid AS debit,
           (t->>2)::uuid AS credit,
           (t->>3)::bigint AS amount, t->>4 AS phase, t->>5 AS pending_id, t->>6 AS reason
      FROM events e CROSS JOIN LATERAL jsonb_array_elements(e.data->'transfers') AS t WHERE e.name = 'ledger.posted'
  )
"""

_LEDGER = (
    Rule(
        name="each transfer is told by one event, as it is",
        invariant=8,
        tables=("ledger_transfers", "events"),
        sql=f"""
WITH {_TOLD}
SELECT CASE WHEN t.id IS NULL THEN 'events' ELSE 'ledger_transfers' END, coalesce(t.id::text, e.position::text),
       CASE WHEN t.id IS NULL THEN format('it tells a transfer %s that does not exist', e.id)
            WHEN e.id IS NULL THEN 'no event tells of it'
            ELSE format('event %s tells something else of it', e.position) END
  FROM ledger_transfers t FULL JOIN told e ON e.id = t.id
 WHERE (t.id, t.debit_account_id, t.credit_account_id, t.amount_minor, t.phase, t.pending_id::text, t.reason,
        t.subject_id, t.occurred_at)
       IS DISTINCT FROM (e.id, e.debit, e.credit, e.amount, e.phase, e.pending_id, e.reason, e.subject_id,
                         e.occurred_at)
UNION ALL
SELECT 'ledger_transfers', id::text, format('%s events tell of it', count(*)) FROM told GROUP BY id HAVING count(*) > 1
""",
    ),
    Rule(
        name="events fold to balances",
        invariant=8,
        tables=("ledger_accounts", "events"),
        sql=f"""
WITH {_TOLD}, side AS (
  SELECT debit AS account_id, phase, amount AS debit, 0::bigint AS credit FROM told
  UNION ALL
  SELECT credit, phase, 0, amount FROM told
), balance AS (
  SELECT account_id, sum(debit) FILTER (WHERE phase IN ('single', 'post')) AS debits_posted,
         sum(credit) FILTER (WHERE phase IN ('single', 'post')) AS credits_posted,
         sum(CASE phase WHEN 'pending' THEN debit WHEN 'single' THEN 0 ELSE -debit END) AS debits_pending,
         sum(CASE phase WHEN 'pending' THEN credit WHEN 'single' THEN 0 ELSE -credit END) AS credits_pending
    FROM side GROUP BY account_id
)
SELECT 'ledger_accounts', coalesce(a.id, e.account_id)::text,
       format('debits and credits, posted and pending, are %s, %s, %s, %s; events give %s, %s, %s, %s',
              a.debits_posted, a.credits_posted, a.debits_pending, a.credits_pending,
              coalesce(e.debits_posted, 0), coalesce(e.credits_posted, 0),
              coalesce(e.debits_pending, 0), coalesce(e.credits_pending, 0))
  FROM ledger_accounts a FULL JOIN balance e ON e.account_id = a.id
 WHERE (a.debits_posted, a.credits_posted, a.debits_pending, a.credits_pending) IS DISTINCT FROM
       (coalesce(e.debits_posted, 0), coalesce(e.credits_posted, 0),
        coalesce(e.debits_pending, 0), coalesce(e.credits_pending, 0))
""",
    ),
)

_SHARES = (
    Rule(
        name="events fold to visits and their opens",
        invariant=8,
        tables=("visits", "events"),
        sql="""
SELECT 'visits', coalesce(v.share_id || '/' || v.visitor_id || '/' || v.window_no,
                          e.share_id || '/' || e.visitor || '/' || e.window_no),
       format('%s opens until %s; events give %s until %s, recorded %s times', coalesce(v.opens, 0), v.last_at,
              coalesce(e.opens, 0), e.last_at, coalesce(e.recorded, 0))
  FROM visits v
  FULL JOIN (
    SELECT subject_id AS share_id, (data->>'visitor')::uuid AS visitor, (data->>'window')::bigint AS window_no,
           sum((data->>'opens')::bigint) AS opens, max(occurred_at) AS last_at,
           count(*) FILTER (WHERE name = 'visit.recorded') AS recorded,
           min(data->>'form') FILTER (WHERE name = 'visit.recorded') AS form,
           CASE WHEN bool_or(data->>'kind' = 'own') THEN 'own' ELSE 'person' END AS kind
      FROM events WHERE name IN ('visit.recorded', 'visit.repeated') GROUP BY 1, 2, 3
  ) e ON e.share_id = v.share_id AND e.visitor = v.visitor_id AND e.window_no = v.window_no
 WHERE (v.opens::numeric, v.last_at, v.form, v.kind, 1::bigint)
       IS DISTINCT FROM (e.opens, e.last_at, e.form, e.kind, e.recorded)
""",
    ),
    Rule(
        name="events fold to the states of shares",
        invariant=8,
        tables=("shares", "events"),
        sql="""
SELECT 'shares', coalesce(s.id, e.subject_id)::text,
       format('it is %s at version %s, of promoter %s; events give %s after %s changes, published %s times for %s',
              s.state, s.version, s.promoter_id, e.state, coalesce(e.changes, 0), coalesce(e.published, 0), e.promoter)
  FROM shares s
  FULL JOIN (
    SELECT subject_id,
           coalesce((array_agg(data->>'to' ORDER BY position DESC) FILTER (WHERE name = 'share.changed'))[1], 'active')
             AS state,
           count(*) FILTER (WHERE name = 'share.changed') AS changes,
           count(*) FILTER (WHERE name = 'share.published') AS published,
           max(occurred_at) FILTER (WHERE name = 'share.published') AS created_at,
           min(data->>'promoter') FILTER (WHERE name = 'share.published') AS promoter,
           min(coalesce('product ' || (data->>'product'), 'shop ' || (data->>'shop')))
             FILTER (WHERE name = 'share.published') AS target
      FROM events WHERE name IN ('share.published', 'share.changed') GROUP BY subject_id
  ) e ON e.subject_id = s.id
 WHERE (s.state, s.version, 1::bigint, s.created_at, s.promoter_id::text, s.target_kind || ' ' || s.target_id)
       IS DISTINCT FROM (e.state, e.changes + 1, e.published, e.created_at, e.promoter, e.target)
""",
    ),
)

_MONEY = (
    Rule(
        name="events fold to payments",
        invariant=8,
        tables=("payments", "events"),
        sql="""
SELECT 'payments', coalesce(p.id, e.id)::text,
       format('it is %s over %s; events tell %s over %s, %s times', coalesce(p.outcome, 'missing'), p.amount_minor,
              e.outcome, e.amount, coalesce(e.told, 0))
  FROM payments p
  FULL JOIN (SELECT (data->>'payment')::uuid AS id, min(data->>'outcome') AS outcome, min(data->>'amount') AS amount,
                    count(*) AS told
               FROM events WHERE name IN ('order.paid', 'payment.refused') GROUP BY 1) e ON e.id = p.id
 WHERE (p.outcome, p.amount_minor::text, 1::bigint) IS DISTINCT FROM (e.outcome, e.amount, e.told)
""",
    ),
    Rule(
        name="events fold to the states of refunds",
        invariant=8,
        tables=("refunds", "events"),
        sql="""
SELECT 'refunds', coalesce(r.id, e.id)::text,
       format('it is %s over %s; events tell it over %s, posted %s times and returned %s times',
              coalesce(r.state, 'missing'), r.amount_minor, e.amount, coalesce(e.posted, 0), coalesce(e.returned, 0))
  FROM refunds r
  FULL JOIN (
    SELECT id, count(*) FILTER (WHERE posted) AS posted, count(*) FILTER (WHERE NOT posted) AS returned,
           min(amount) AS amount, max(occurred_at) FILTER (WHERE posted) AS posted_at,
           max(occurred_at) FILTER (WHERE NOT posted) AS returned_at
      FROM (SELECT (data->>'refund')::uuid AS id, true AS posted, data->>'amount' AS amount, occurred_at
              FROM events WHERE name IN ('order.refunded', 'order.partly_refunded', 'payment.refused')
             UNION ALL
            SELECT subject_id, false, data->>'amount', occurred_at FROM events WHERE name = 'refund.returned') told
     GROUP BY id
  ) e ON e.id = r.id
 WHERE (r.amount_minor::text, 1::bigint, CASE r.state WHEN 'returned' THEN 1 ELSE 0 END::bigint, r.posted_at,
        r.returned_at)
       IS DISTINCT FROM (e.amount, e.posted, e.returned, e.posted_at, e.returned_at)
""",
    ),
    Rule(
        name="events fold to the states of commissions",
        invariant=8,
        tables=("commissions", "events"),
        sql="""
SELECT 'commissions', coalesce(c.id, e.id)::text,
       format('it is %s over %s; events give %s over %s', coalesce(c.state, 'missing'), c.amount_minor,
              coalesce(e.names, 'none'), e.amount)
  FROM commissions c
  FULL JOIN (
    SELECT id, string_agg(name, ', ' ORDER BY position) AS names,
           replace((array_agg(name ORDER BY position DESC))[1], 'returned', 'released') AS state,
           count(*) FILTER (WHERE name NOT IN ('paid', 'returned'))
             <> count(DISTINCT name) FILTER (WHERE name NOT IN ('paid', 'returned'))
             OR count(*) FILTER (WHERE name = 'paid') - count(*) FILTER (WHERE name = 'returned') NOT IN (0, 1)
             AS doubled,
           min(amount) FILTER (WHERE name = 'held') AS amount, min(promoter) AS promoter,
           max(occurred_at) FILTER (WHERE name = 'held') AS accrued_at,
           max(occurred_at) FILTER (WHERE name = 'released') AS released_at,
           CASE WHEN count(*) FILTER (WHERE name = 'paid') > count(*) FILTER (WHERE name = 'returned')
                THEN max(occurred_at) FILTER (WHERE name = 'paid') END AS paid_at,
           max(occurred_at) FILTER (WHERE name = 'taken_back') AS taken_back_at
      FROM (SELECT (part->>0)::uuid AS id, 'held' AS name, e.position, e.occurred_at, part->>2 AS amount,
                   part->>1 AS promoter
              FROM events e CROSS JOIN LATERAL jsonb_array_elements(
                     CASE jsonb_typeof(e.data->'commissions') WHEN 'array' THEN e.data->'commissions' END) AS part
             WHERE e.name = 'order.paid'
             UNION ALL
            SELECT subject_id, substr(name, 12), position, occurred_at, NULL, NULL
              FROM events WHERE name LIKE 'commission.%' AND name <> 'commission.reduced') told
     GROUP BY id
  ) e ON e.id = c.id
 WHERE e.doubled IS DISTINCT FROM false
    OR (c.state, c.amount_minor::text, c.promoter_id::text, c.accrued_at, c.released_at, c.paid_at, c.taken_back_at)
       IS DISTINCT FROM
       (e.state, e.amount, e.promoter, e.accrued_at, e.released_at, e.paid_at, e.taken_back_at)
""",
    ),
    Rule(
        name="events fold to the states of merchants' and platform's proceeds",
        invariant=8,
        tables=("line_proceeds", "events"),
        sql="""
SELECT 'line_proceeds', coalesce(p.order_id, e.order_id) || '/' || coalesce(p.line_no, e.line_no) || '/' ||
                        coalesce(p.payee, e.payee),
       format('it is %s; its events are: %s', coalesce(p.state, 'missing'), coalesce(e.names, 'none'))
  FROM line_proceeds p
  FULL JOIN (
    SELECT subject_id AS order_id, (data->>'line')::bigint AS line_no, data->>'payee' AS payee,
           string_agg(substr(name, 10), ', ' ORDER BY position) AS names,
           (array_agg(substr(name, 10) ORDER BY position DESC))[1] AS state,
           count(*) <> count(DISTINCT name) AS doubled,
           max(occurred_at) FILTER (WHERE name = 'proceeds.released') AS released_at
      FROM events WHERE name LIKE 'proceeds.%' AND name <> 'proceeds.reduced' GROUP BY 1, 2, 3
  ) e ON e.order_id = p.order_id AND e.line_no = p.line_no AND e.payee = p.payee
 WHERE e.doubled OR (p.state, p.released_at) IS DISTINCT FROM (coalesce(e.state, 'held'), e.released_at)
""",
    ),
)

FOLDS = (*_ORDERS, *_STOCK, *_LEDGER, *_SHARES, *_MONEY)
