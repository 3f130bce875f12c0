"""Invariants between rows: stock, ledger, orders, commissions, visits."""

from __future__ import annotations

from fissile.views.audit_rule import Rule

_STOCK = (
    Rule(
        name="stock on hand is the sum of its movements",
        invariant=1,
        tables=("sku_stock", "stock_movements"),
        sql="""
SELECT 'sku_stock', coalesce(s.sku_id, m.sku_id)::text,
       format('on hand is %s, its movements add up to %s', s.on_hand, coalesce(m.quantity, 0))
  FROM sku_stock s
  FULL JOIN (SELECT sku_id, sum(quantity) AS quantity FROM stock_movements GROUP BY sku_id) m ON m.sku_id = s.sku_id
 WHERE s.on_hand IS DISTINCT FROM coalesce(m.quantity, 0)
""",
    ),
    Rule(
        name="stock reserved is what unpaid orders hold",
        invariant=1,
        tables=("sku_stock", "order_lines"),
        sql="""
SELECT 'sku_stock', s.sku_id::text, format('reserved is %s, unpaid orders hold %s', s.reserved, coalesce(l.quantity, 0))
  FROM sku_stock s
  LEFT JOIN (SELECT l.sku_id, sum(l.quantity) AS quantity
               FROM order_lines l JOIN orders o ON o.id = l.order_id WHERE o.state = 'placed' GROUP BY l.sku_id) l
    ON l.sku_id = s.sku_id
 WHERE s.reserved <> coalesce(l.quantity, 0)
""",
    ),
    Rule(
        name="stock stays within its bounds",
        invariant=1,
        tables=("sku_stock",),
        sql="""
SELECT 'sku_stock', sku_id::text, format('%s on hand and %s reserved cannot be', on_hand, reserved)
  FROM sku_stock WHERE on_hand < 0 OR reserved < 0 OR (tracked AND reserved > on_hand)
""",
    ),
    Rule(
        name="what was sold and returned belongs to an order",
        invariant=1,
        tables=("stock_movements",),
        sql="""
SELECT 'stock_movements', m.id::text,
       format('%s %s, but the order''s line has %s (order %s, paid at %s)', m.kind, m.quantity,
              coalesce(l.quantity::text, 'no such SKU'), coalesce(o.state, 'missing'), o.paid_at)
  FROM stock_movements m
  LEFT JOIN orders o ON o.id = m.order_id
  LEFT JOIN order_lines l ON l.order_id = m.order_id AND l.sku_id = m.sku_id
 WHERE (m.kind = 'sold' AND (m.quantity, m.occurred_at) IS DISTINCT FROM (-l.quantity, o.paid_at))
    OR (m.kind = 'returned' AND (m.quantity > l.quantity OR l.quantity IS NULL OR m.occurred_at > o.shipped_at
                                 OR NOT EXISTS (
          SELECT FROM refunds r JOIN refund_lines b ON b.refund_id = r.id
           WHERE r.order_id = m.order_id AND b.line_no = l.line_no AND r.posted_at = m.occurred_at
             AND b.returned_quantity = m.quantity)))
    OR m.kind NOT IN ('sold', 'returned', 'received', 'corrected')
    OR (m.kind IN ('received', 'corrected') AND m.order_id IS NOT NULL)
    OR (m.kind = 'corrected' AND m.reason = '')
UNION ALL
SELECT 'stock_movements', max(id::text),
       format('order %s has %s movements of this SKU as %s', order_id, count(*), kind)
  FROM stock_movements WHERE order_id IS NOT NULL GROUP BY order_id, sku_id, kind
HAVING (kind = 'sold' AND count(*) > 1)
    OR (kind = 'returned' AND sum(quantity) IS DISTINCT FROM (
          SELECT sum(b.returned_quantity) FROM refunds r JOIN refund_lines b ON b.refund_id = r.id
            JOIN order_lines l ON l.order_id = r.order_id AND l.line_no = b.line_no
           WHERE r.order_id = stock_movements.order_id AND l.sku_id = stock_movements.sku_id))
""",
    ),
)

# What refunds took of each part while it was held, later, and with the last of them that found it held.
BACK = """
    SELECT r.order_id, b.line_no, b.payee,
           coalesce(sum(b.amount_minor) FILTER (WHERE b.ended_id IS NOT NULL), 0) AS held,
           coalesce(sum(b.amount_minor) FILTER (WHERE b.ended_id IS NULL), 0) AS later,
           max(b.amount_minor) FILTER (WHERE b.ended_id IS NOT NULL AND b.transfer_id IS NULL) AS last
      FROM refund_parts b JOIN refunds r ON r.id = b.refund_id
     GROUP BY r.order_id, b.line_no, b.payee
"""

_LEDGER = (
    Rule(
        name="balances are the sums of their transfers",
        invariant=4,
        tables=("ledger_accounts", "ledger_transfers"),
        sql="""
SELECT 'ledger_accounts', coalesce(a.id, t.account_id)::text,
       format('debits and credits, posted and pending, are %s, %s, %s, %s; its transfers add up to %s, %s, %s, %s',
              a.debits_posted, a.credits_posted, a.debits_pending, a.credits_pending,
              coalesce(t.debits_posted, 0), coalesce(t.credits_posted, 0),
              coalesce(t.debits_pending, 0), coalesce(t.credits_pending, 0))
  FROM ledger_accounts a
  FULL JOIN (
    SELECT account_id,
           sum(CASE WHEN phase IN ('single', 'post') THEN debit ELSE 0 END) AS debits_posted,
           sum(CASE WHEN phase IN ('single', 'post') THEN credit ELSE 0 END) AS credits_posted,
           sum(CASE phase WHEN 'pending' THEN debit WHEN 'post' THEN -debit WHEN 'void' THEN -debit ELSE 0 END)
             AS debits_pending,
           sum(CASE phase WHEN 'pending' THEN credit WHEN 'post' THEN -credit WHEN 'void' THEN -credit ELSE 0 END)
             AS credits_pending
      FROM (SELECT debit_account_id AS account_id, phase, amount_minor AS debit, 0::bigint AS credit
              FROM ledger_transfers
             UNION ALL
            SELECT credit_account_id, phase, 0, amount_minor FROM ledger_transfers) side
     GROUP BY account_id
  ) t ON t.account_id = a.id
 WHERE (a.debits_posted, a.credits_posted, a.debits_pending, a.credits_pending) IS DISTINCT FROM
       (coalesce(t.debits_posted, 0), coalesce(t.credits_posted, 0),
        coalesce(t.debits_pending, 0), coalesce(t.credits_pending, 0))
""",
    ),
    Rule(
        name="transfers join two accounts of their currency, and end a pending one as it was",
        invariant=4,
        tables=("ledger_transfers",),
        sql="""
SELECT 'ledger_transfers', t.id::text,
       CASE WHEN d.id IS NULL OR c.id IS NULL THEN 'one of its accounts does not exist'
            WHEN t.debit_account_id = t.credit_account_id THEN 'it goes from an account to itself'
            WHEN d.currency <> t.currency OR c.currency <> t.currency
              THEN format('it is in %s between accounts in %s and %s', t.currency, d.currency, c.currency)
            WHEN t.amount_minor <= 0 THEN format('its amount is %s', t.amount_minor)
            WHEN t.phase NOT IN ('single', 'pending', 'post', 'void') THEN format('its phase is %s', t.phase)
            ELSE format('it is a %s, which does not fit the pending transfer %s', t.phase, t.pending_id) END
  FROM ledger_transfers t
  LEFT JOIN ledger_accounts d ON d.id = t.debit_account_id
  LEFT JOIN ledger_accounts c ON c.id = t.credit_account_id
  LEFT JOIN ledger_transfers p ON p.id = t.pending_id
 WHERE d.id IS NULL OR c.id IS NULL OR d.currency <> t.currency OR c.currency <> t.currency
    OR t.debit_account_id = t.credit_account_id OR t.amount_minor <= 0
    OR t.phase NOT IN ('single', 'pending', 'post', 'void')
    OR (t.phase IN ('post', 'void')) <> (t.pending_id IS NOT NULL)
    OR (t.pending_id IS NOT NULL AND (p.phase, p.debit_account_id, p.credit_account_id, p.amount_minor)
          IS DISTINCT FROM ('pending'::text, t.debit_account_id, t.credit_account_id, t.amount_minor))
UNION ALL
SELECT 'ledger_transfers', pending_id::text, format('it was ended %s times', count(*))
  FROM ledger_transfers WHERE pending_id IS NOT NULL GROUP BY pending_id HAVING count(*) > 1
UNION ALL
SELECT 'ledger_transfers', max(id::text), format('%s transfers have the key %s', count(*), idempotency_key)
  FROM ledger_transfers GROUP BY idempotency_key HAVING count(*) > 1
""",
    ),
    Rule(
        name="a holding account pays out no more than came in",
        invariant=4,
        tables=("ledger_accounts",),
        sql="""
SELECT 'ledger_accounts', id::text,
       format('%s left or is promised, %s came in', debits_posted + debits_pending, credits_posted)
  FROM ledger_accounts
 WHERE (kind = 'order_holding' AND debits_posted + debits_pending > credits_posted)
    OR debits_posted < 0 OR credits_posted < 0 OR debits_pending < 0 OR credits_pending < 0
""",
    ),
    Rule(
        name="debits and credits of a currency are equal",
        invariant=4,
        tables=("ledger_accounts",),
        sql="""
SELECT 'ledger_accounts', currency,
       format('posted debits are %s and credits %s; pending ones %s and %s', sum(debits_posted), sum(credits_posted),
              sum(debits_pending), sum(credits_pending))
  FROM ledger_accounts GROUP BY currency
HAVING sum(debits_posted) <> sum(credits_posted) OR sum(debits_pending) <> sum(credits_pending)
""",
    ),
    Rule(
        name="what is owed to each promoter and merchant follows from commissions, proceeds and payouts",
        invariant=4,
        tables=("ledger_accounts", "commissions", "line_proceeds", "refund_parts", "payout_items"),
        sql=f"""
WITH back AS ({BACK})
SELECT 'ledger_accounts', coalesce(a.id::text, w.kind || ' ' || coalesce(w.owner_id::text, '') || ' ' || w.currency),
       format('debits and credits, posted and pending, are %s, %s, %s, %s; commissions, proceeds and payouts give'
              ' %s, %s, %s, %s', a.debits_posted, a.credits_posted, a.debits_pending, a.credits_pending,
              w.debits_posted, w.credits_posted, w.debits_pending, w.credits_pending)
  FROM (SELECT * FROM ledger_accounts WHERE kind IN ('commission_payable', 'merchant_payable', 'platform_fee')) a
  FULL JOIN (
    SELECT kind, owner_id, currency, sum(dp) AS debits_posted, sum(cp) AS credits_posted, sum(dw) AS debits_pending,
           sum(cw) AS credits_pending
      FROM (
        SELECT 'commission_payable' AS kind, c.promoter_id AS owner_id, c.currency, coalesce(b.later, 0) AS dp,
               CASE WHEN c.released_at IS NOT NULL THEN c.amount_minor - coalesce(b.held, 0) ELSE 0 END AS cp,
               0 AS dw, CASE WHEN c.state = 'held' THEN c.amount_minor - coalesce(b.held, 0) ELSE 0 END AS cw
          FROM commissions c LEFT JOIN back b
            ON b.order_id = c.order_id AND b.line_no = c.line_no
               AND b.payee = CASE c.level WHEN 1 THEN 'promoter' ELSE 'inviter' END
        UNION ALL
        SELECT CASE p.payee WHEN 'merchant' THEN 'merchant_payable' ELSE 'platform_fee' END,
               CASE p.payee WHEN 'merchant' THEN p.merchant_id END, p.currency, coalesce(b.later, 0),
               CASE WHEN p.released_at IS NOT NULL THEN p.amount_minor - coalesce(b.held, 0) ELSE 0 END,
               0, CASE WHEN p.state = 'held' THEN p.amount_minor - coalesce(b.held, 0) ELSE 0 END
          FROM line_proceeds p LEFT JOIN back b
            ON b.order_id = p.order_id AND b.line_no = p.line_no AND b.payee = p.payee
        UNION ALL
        SELECT CASE i.payee WHEN 'merchant' THEN 'merchant_payable' ELSE 'commission_payable' END, i.payee_id,
               i.currency,
               CASE WHEN s.confirmed_at IS NOT NULL THEN i.amount_minor ELSE 0 END,
               CASE WHEN s.state = 'returned' THEN i.amount_minor ELSE 0 END,
               CASE WHEN b.state <> 'dropped' AND coalesce(s.state, '') NOT IN ('confirmed', 'failed', 'returned')
                    THEN i.amount_minor ELSE 0 END, 0
          FROM payout_items i JOIN payout_batches b ON b.id = i.batch_id
          LEFT JOIN payout_sendings s ON s.item_id = i.id
      ) part GROUP BY kind, owner_id, currency
  ) w ON w.kind = a.kind AND w.owner_id IS NOT DISTINCT FROM a.owner_id AND w.currency = a.currency
 WHERE (coalesce(a.debits_posted, 0), coalesce(a.credits_posted, 0), coalesce(a.debits_pending, 0),
        coalesce(a.credits_pending, 0)) IS DISTINCT FROM
       (coalesce(w.debits_posted, 0), coalesce(w.credits_posted, 0), coalesce(w.debits_pending, 0),
        coalesce(w.credits_pending, 0))
""",
    ),
    Rule(
        name="shared accounts follow from payments, refunds and payouts",
        invariant=4,
        tables=("ledger_accounts", "payments", "refunds", "payout_items"),
        sql="""
SELECT 'ledger_accounts', a.id::text,
       format('%s: posted debits and credits are %s and %s; payments, refunds and payouts give %s and %s', a.kind,
              a.debits_posted, a.credits_posted, coalesce(w.debit, 0), coalesce(w.credit, 0))
  FROM ledger_accounts a
  LEFT JOIN (
    SELECT kind, currency, sum(debit) AS debit, sum(credit) AS credit FROM (
      SELECT 'gateway_clearing' AS kind, currency, amount_minor AS debit, 0::bigint AS credit FROM payments
      UNION ALL
      SELECT 'gateway_clearing', currency, 0, amount_minor FROM refunds WHERE state = 'returned'
      UNION ALL
      SELECT 'refund_payable', currency, CASE state WHEN 'returned' THEN amount_minor ELSE 0 END, amount_minor
        FROM refunds
      UNION ALL
      SELECT k.kind, i.currency, CASE s.state WHEN 'returned' THEN k.minor ELSE 0 END, k.minor
        FROM payout_items i JOIN payout_sendings s ON s.item_id = i.id AND s.confirmed_at IS NOT NULL
       CROSS JOIN LATERAL (VALUES ('payout_clearing', i.amount_minor - i.withheld_minor),
                                  ('withholding_payable', i.withheld_minor)) AS k (kind, minor)
    ) moved GROUP BY kind, currency
  ) w ON w.kind = a.kind AND w.currency = a.currency
 WHERE a.kind IN ('gateway_clearing', 'refund_payable', 'payout_clearing', 'withholding_payable')
   AND (a.debits_posted, a.credits_posted) IS DISTINCT FROM (coalesce(w.debit, 0), coalesce(w.credit, 0))
""",
    ),
)

_ORDERS = (
    Rule(
        name="an order's total is the sum of its lines and its shipping",
        invariant=4,
        tables=("orders", "order_lines"),
        sql="""
SELECT 'orders', coalesce(o.id, l.order_id)::text,
       format('its total is %s, of goods %s and shipping %s; its %s lines add up to %s', o.total_minor, o.goods_minor,
              o.shipping_minor, coalesce(l.lines, 0), l.amount)
  FROM orders o
  FULL JOIN (SELECT order_id, sum(amount_minor) AS amount, count(*) AS lines FROM order_lines GROUP BY order_id) l
    ON l.order_id = o.id
 WHERE o.goods_minor IS DISTINCT FROM l.amount OR o.total_minor <> o.goods_minor + o.shipping_minor
    OR o.shipping_minor < 0
""",
    ),
    Rule(
        name="a line is quantity times price of one SKU of its merchant",
        invariant=4,
        tables=("order_lines",),
        sql="""
SELECT 'order_lines', l.order_id || '/' || l.line_no,
       CASE WHEN k.id IS NULL THEN format('its SKU %s does not exist', l.sku_id)
            WHEN k.merchant_id <> o.merchant_id THEN 'its SKU belongs to another merchant than its order'
            ELSE format('%s times %s is not %s, or its parts are more than that', l.quantity, l.unit_price_minor,
                        l.amount_minor) END
  FROM order_lines l LEFT JOIN orders o ON o.id = l.order_id LEFT JOIN skus k ON k.id = l.sku_id
 WHERE k.id IS NULL OR k.merchant_id IS DISTINCT FROM o.merchant_id OR l.quantity <= 0
    OR l.amount_minor <> l.quantity * l.unit_price_minor OR l.fee_minor < 0 OR l.commission_minor < 0
    OR l.second_commission_minor < 0 OR l.tax_minor < 0 OR (l.tax_minor > 0 AND l.tax_rate_ppm <= 0)
    OR l.fee_minor + l.commission_minor + l.second_commission_minor > l.amount_minor - l.tax_minor
    OR (l.commission_minor + l.second_commission_minor > 0) <> (l.commission_plan_version_id IS NOT NULL)
    OR (l.commission_minor > 0 AND o.credit_promoter_id IS NULL)
    OR (l.second_commission_minor > 0 AND o.second_promoter_id IS NULL)
""",
    ),
    Rule(
        name="states of orders agree with their moments",
        invariant=8,
        tables=("orders",),
        sql="""
SELECT 'orders', id::text,
       format('it is %s, with paid at %s, shipped at %s, completed at %s, closed at %s', state, paid_at, shipped_at,
              completed_at, closed_at)
  FROM orders
 WHERE state NOT IN ('placed', 'paid', 'shipped', 'completed', 'cancelled', 'expired', 'refunded')
    OR (state IN ('paid', 'shipped', 'completed', 'refunded')) <> (paid_at IS NOT NULL)
    OR (state IN ('cancelled', 'expired', 'refunded')) <> (closed_at IS NOT NULL)
    OR (state IN ('shipped', 'completed') AND shipped_at IS NULL)
    OR (state IN ('placed', 'paid', 'cancelled', 'expired') AND shipped_at IS NOT NULL)
    OR (state = 'completed' AND completed_at IS NULL)
    OR (state NOT IN ('completed', 'refunded') AND completed_at IS NOT NULL)
    OR paid_at < placed_at OR shipped_at < paid_at OR completed_at < shipped_at OR closed_at < placed_at
    OR (state = 'expired' AND closed_at < reserved_until) OR reserved_until < placed_at
""",
    ),
    Rule(
        name="a paid order has exactly one settled payment, of its amount",
        invariant=4,
        tables=("orders", "payments"),
        sql="""
SELECT 'orders', o.id::text,
       format('it is %s over %s %s and has %s settled payments over %s %s', o.state, o.total_minor, o.currency,
              coalesce(p.payments, 0), p.amount, p.currency)
  FROM orders o
  LEFT JOIN (SELECT order_id, count(*) AS payments, sum(amount_minor) AS amount, min(currency) AS currency
               FROM payments WHERE outcome = 'settled' GROUP BY order_id) p ON p.order_id = o.id
 WHERE (o.paid_at IS NOT NULL AND (p.payments, p.amount, p.currency)
          IS DISTINCT FROM (1::bigint, o.total_minor::numeric, o.currency))
    OR (o.paid_at IS NULL AND p.payments > 0)
""",
    ),
    Rule(
        name="a payment belongs to an order, and one that did not settle is owed back",
        invariant=4,
        tables=("payments",),
        sql="""
SELECT 'payments', p.id::text,
       format('it is %s over %s %s; its order is %s over %s %s, and %s is owed back for it', p.outcome, p.amount_minor,
              p.currency, o.state, o.total_minor, o.currency, coalesce(r.amount, 0))
  FROM payments p
  LEFT JOIN orders o ON o.id = p.order_id
  LEFT JOIN (SELECT payment_id, sum(amount_minor) AS amount, count(*) AS refunds FROM refunds GROUP BY payment_id) r
    ON r.payment_id = p.id
  LEFT JOIN ledger_transfers t ON t.idempotency_key = 'pay:' || p.order_id AND p.outcome = 'settled'
 WHERE o.id IS NULL OR p.outcome NOT IN ('settled', 'late', 'doubled', 'differs')
    OR (p.outcome = 'settled' AND ((p.amount_minor, p.currency, p.received_at)
          IS DISTINCT FROM (o.total_minor, o.currency, o.paid_at)
          OR (t.amount_minor, t.currency, t.occurred_at, t.subject_id)
             IS DISTINCT FROM (p.amount_minor, p.currency, p.received_at, p.order_id)))
    OR (p.outcome <> 'settled' AND (r.amount, r.refunds) IS DISTINCT FROM (p.amount_minor::numeric, 1::bigint))
    OR (p.outcome = 'differs' AND (p.amount_minor, p.currency) = (o.total_minor, o.currency))
    OR (p.outcome = 'late' AND o.state NOT IN ('cancelled', 'expired'))
    OR (p.outcome = 'doubled' AND o.paid_at IS NULL)
UNION ALL
SELECT 'payments', max(id::text), format('%s payments are named %s by %s', count(*), gateway_payment_id, gateway)
  FROM payments GROUP BY gateway, gateway_payment_id HAVING count(*) > 1
""",
    ),
    Rule(
        name="messages of gateways and what they did belong together",
        invariant=9,
        tables=("gateway_messages", "payments", "refunds"),
        sql="""
SELECT 'gateway_messages', m.gateway || '/' || m.message_id,
       format('it is kept as %s at %s, when nothing of the kind happened', m.outcome, m.received_at)
  FROM gateway_messages m
 WHERE m.outcome NOT IN ('settled', 'late', 'doubled', 'differs', 'known', 'returned')
    OR (m.outcome IN ('settled', 'late', 'doubled', 'differs') AND NOT EXISTS (
          SELECT FROM payments p
           WHERE p.gateway = m.gateway AND p.outcome = m.outcome AND p.received_at = m.received_at))
    OR (m.outcome = 'returned' AND NOT EXISTS (SELECT FROM refunds r WHERE r.returned_at = m.received_at))
UNION ALL
SELECT 'payments', p.id::text, format('no message of %s told that it was %s', p.gateway, p.outcome)
  FROM payments p
 WHERE NOT EXISTS (SELECT FROM gateway_messages m
                    WHERE m.gateway = p.gateway AND m.outcome = p.outcome AND m.received_at = p.received_at)
""",
    ),
    Rule(
        name="refunds of an order are what it says was refunded",
        invariant=4,
        tables=("orders", "refunds"),
        sql="""
SELECT 'orders', o.id::text, format('it is %s with %s refunded, its refunds add up to %s', o.state, o.refunded_minor,
                              coalesce(r.amount, 0))
  FROM orders o
  LEFT JOIN (SELECT r.order_id, sum(r.amount_minor) AS amount FROM refunds r JOIN payments p ON p.id = r.payment_id
              WHERE p.outcome = 'settled' GROUP BY r.order_id) r ON r.order_id = o.id
 WHERE o.refunded_minor <> coalesce(r.amount, 0)
    OR (o.state = 'refunded') <> (o.refunded_minor = o.total_minor AND o.total_minor > 0)
    OR o.refunded_minor > o.total_minor
""",
    ),
    Rule(
        name="a refund is of its payment, and its transfers are posted",
        invariant=4,
        tables=("refunds",),
        sql="""
SELECT 'refunds', r.id::text,
       format('it is %s over %s %s; its payment has %s %s, owed were %s, returned %s', r.state, r.amount_minor,
              r.currency, p.amount_minor, p.currency, coalesce(owed.amount_minor, 0), coalesce(back.amount_minor, 0))
  FROM refunds r
  LEFT JOIN payments p ON p.id = r.payment_id
  LEFT JOIN ledger_transfers owed
    ON owed.idempotency_key = CASE p.outcome WHEN 'settled' THEN 'refund:' ELSE 'owe:' END || r.id
  LEFT JOIN ledger_transfers back ON back.idempotency_key = 'return:' || r.id
 WHERE (p.order_id, p.currency) IS DISTINCT FROM (r.order_id, r.currency) OR r.amount_minor > p.amount_minor
    OR (owed.amount_minor, owed.currency, owed.occurred_at)
         IS DISTINCT FROM (r.amount_minor, r.currency, r.posted_at)
    OR r.state NOT IN ('posted', 'returned')
    OR (r.state = 'returned') <> (back.id IS NOT NULL)
    OR (r.state = 'returned' AND (back.amount_minor, back.currency, back.occurred_at)
          IS DISTINCT FROM (r.amount_minor, r.currency, r.returned_at))
    OR (r.state = 'posted' AND r.returned_at IS NOT NULL)
""",
    ),
)

# What became of a pending transfer, beside the row that it belongs to. The last one of a part that was taken back
# before its release held what the last refund took.
_PHASES = """
  LEFT JOIN back b ON b.order_id = c.order_id AND b.line_no = c.line_no AND b.payee = {payee}
  LEFT JOIN ledger_transfers t ON t.id = c.transfer_id
  LEFT JOIN ledger_transfers e ON e.pending_id = c.transfer_id
  LEFT JOIN ledger_accounts a ON a.id = t.credit_account_id
"""
_PHASES_DIFFER = """
       (t.phase, t.currency, t.subject_id) IS DISTINCT FROM ('pending'::text, c.currency, c.order_id)
    OR t.amount_minor IS DISTINCT FROM CASE WHEN c.state = 'taken_back' AND c.released_at IS NULL THEN b.last
                                            ELSE c.amount_minor - coalesce(b.held, 0) END
    OR c.taken_back_minor <> coalesce(b.held, 0) + coalesce(b.later, 0)
    OR (c.state = 'taken_back') <> (c.taken_back_minor = c.amount_minor)
    OR e.phase IS DISTINCT FROM CASE WHEN c.state = 'held' THEN NULL
                                     WHEN c.released_at IS NULL THEN 'void' ELSE 'post' END
    OR (e.phase = 'post' AND e.occurred_at <> c.released_at)
    OR c.released_at < c.hold_until
    OR (c.state = 'held' AND c.released_at IS NOT NULL) OR (c.state = 'released' AND c.released_at IS NULL)
"""

# What merchant and platform get of each line; line 0 is the shipping, which waits as long as the slowest line.
_PROCEEDS = """
    SELECT order_id, line_no, hold_seconds, 'platform' AS payee, fee_minor AS amount_minor FROM order_lines
    UNION ALL
    SELECT order_id, line_no, hold_seconds, 'merchant',
           amount_minor - fee_minor - commission_minor - second_commission_minor FROM order_lines
    UNION ALL
    SELECT id, 0, (SELECT max(hold_seconds) FROM order_lines s WHERE s.order_id = orders.id), 'merchant',
           shipping_minor FROM orders
"""

_COMMISSIONS = (
    Rule(
        name="a commission belongs to a paid line and to who has the credit, as the line says",
        invariant=5,
        tables=("commissions",),
        sql="""
SELECT 'commissions', c.id::text,
       CASE WHEN l.order_id IS NULL THEN 'its order line does not exist'
            WHEN o.paid_at IS NULL THEN 'its order was never paid'
            WHEN (c.promoter_id, c.share_id) IS DISTINCT FROM (l.promoter_id, o.credit_share_id)
              THEN format('it goes to %s by share %s, the credit of level %s is %s by share %s', c.promoter_id,
                          c.share_id, c.level, l.promoter_id, o.credit_share_id)
            WHEN p.id IS NULL OR c.plan_version_id IS DISTINCT FROM l.commission_plan_version_id
              THEN 'its plan version is not that of the line, or does not exist'
            WHEN c.amount_minor > p.cap_minor THEN format('%s is more than the cap of %s', c.amount_minor, p.cap_minor)
            ELSE format('it says %s of %s %s, accrued at %s, held until %s; the line says %s of %s %s, paid at %s, held'
                        ' for %s seconds', c.amount_minor, c.base_minor, c.currency, c.accrued_at, c.hold_until,
                        l.commission_minor, l.base_minor, o.currency, o.paid_at, l.hold_seconds) END
  FROM commissions c
  LEFT JOIN (
    SELECT l.order_id, l.line_no, 1 AS level, l.commission_minor, l.amount_minor - l.tax_minor AS base_minor,
           l.commission_plan_version_id, l.hold_seconds, o.credit_promoter_id AS promoter_id
      FROM order_lines l JOIN orders o ON o.id = l.order_id
    UNION ALL
    SELECT l.order_id, l.line_no, 2, l.second_commission_minor, l.amount_minor - l.tax_minor,
           l.commission_plan_version_id, l.hold_seconds, o.second_promoter_id
      FROM order_lines l JOIN orders o ON o.id = l.order_id
  ) l ON l.order_id = c.order_id AND l.line_no = c.line_no AND l.level = c.level
  LEFT JOIN orders o ON o.id = c.order_id
  LEFT JOIN commission_plan_versions p ON p.id = c.plan_version_id
 WHERE o.paid_at IS NULL OR p.id IS NULL OR c.amount_minor > p.cap_minor OR c.amount_minor <= 0
    OR (c.promoter_id, c.share_id, c.plan_version_id, c.base_minor, c.amount_minor, c.currency, c.accrued_at,
        c.hold_until)
       IS DISTINCT FROM (l.promoter_id, o.credit_share_id, l.commission_plan_version_id, l.base_minor,
        l.commission_minor, o.currency, o.paid_at, o.paid_at + l.hold_seconds * interval '1 second')
UNION ALL
SELECT 'commissions', max(id::text),
       format('line %s/%s has %s commissions of level %s', order_id, line_no, count(*), level)
  FROM commissions GROUP BY order_id, line_no, level HAVING count(*) > 1
""",
    ),
    Rule(
        name="a commission's state agrees with its transfers, and nothing is released before its time",
        invariant=5,
        tables=("commissions",),
        sql=f"""
WITH back AS ({BACK})
SELECT 'commissions', c.id::text,
       format('it is %s with %s of %s taken back, held until %s, released at %s; its transfer of %s was ended as %s,'
              ' refunds took %s before its release and %s after it', c.state, c.taken_back_minor, c.amount_minor,
              c.hold_until, c.released_at, t.amount_minor, coalesce(e.phase, 'nothing yet'), coalesce(b.held, 0),
              coalesce(b.later, 0))
  FROM commissions c {_PHASES.format(payee="CASE c.level WHEN 1 THEN 'promoter' ELSE 'inviter' END")}
 WHERE {_PHASES_DIFFER}
    OR (a.kind, a.owner_id) IS DISTINCT FROM ('commission_payable'::text, c.promoter_id)
    OR c.state NOT IN ('held', 'released', 'paid', 'taken_back')
    OR (c.state = 'taken_back') <> (c.taken_back_at IS NOT NULL)
    OR (c.state = 'paid' AND c.paid_at IS NULL) OR (c.state IN ('held', 'released') AND c.paid_at IS NOT NULL)
    OR (c.paid_at IS NOT NULL AND c.released_at IS NULL)
    OR (c.state <> 'taken_back' AND EXISTS (SELECT FROM orders o WHERE o.id = c.order_id AND o.state = 'refunded'))
""",
    ),
    Rule(
        name="what merchant and platform get of a line is the line's, and agrees with its transfers",
        invariant=5,
        tables=("line_proceeds",),
        sql=f"""
WITH back AS ({BACK})
SELECT 'line_proceeds', c.order_id || '/' || c.line_no || '/' || c.payee,
       format('it says %s %s, %s, held until %s, released at %s; the line has %s and its transfer %s, ended as %s',
              c.amount_minor, c.currency, c.state, c.hold_until, c.released_at,
              l.amount_minor, t.amount_minor, coalesce(e.phase, 'nothing yet'))
  FROM line_proceeds c
  LEFT JOIN ({_PROCEEDS}) l ON l.order_id = c.order_id AND l.line_no = c.line_no AND l.payee = c.payee
  LEFT JOIN orders o ON o.id = c.order_id {_PHASES.format(payee="c.payee")}
 WHERE {_PHASES_DIFFER}
    OR c.state NOT IN ('held', 'released', 'taken_back') OR c.payee NOT IN ('merchant', 'platform')
    OR (a.kind, a.owner_id) IS DISTINCT FROM (
         CASE c.payee WHEN 'platform' THEN 'platform_fee' ELSE 'merchant_payable' END,
         CASE c.payee WHEN 'merchant' THEN c.merchant_id END)
    OR (c.merchant_id, c.currency, c.hold_until)
         IS DISTINCT FROM (o.merchant_id, o.currency, o.paid_at + l.hold_seconds * interval '1 second')
    OR c.amount_minor IS DISTINCT FROM l.amount_minor
    OR (c.state <> 'taken_back' AND o.state = 'refunded')
""",
    ),
    Rule(
        name="a paid line is divided wholly: promoter, inviter, platform, merchant; the shipping is the merchant's",
        invariant=5,
        tables=("order_lines", "orders"),
        sql="""
SELECT 'order_lines', l.order_id || '/' || l.line_no,
       format('%s were paid, %s went to promoter and inviter and %s to platform and merchant', l.amount_minor,
              coalesce(c.amount, 0), coalesce(p.amount, 0))
  FROM (SELECT order_id, line_no, amount_minor, commission_minor + second_commission_minor AS commission_minor
          FROM order_lines
         UNION ALL SELECT id, 0, shipping_minor, 0 FROM orders) l
  JOIN orders o ON o.id = l.order_id AND o.paid_at IS NOT NULL
  LEFT JOIN (SELECT order_id, line_no, sum(amount_minor) AS amount FROM commissions GROUP BY order_id, line_no) c
    ON c.order_id = l.order_id AND c.line_no = l.line_no
  LEFT JOIN (SELECT order_id, line_no, sum(amount_minor) AS amount FROM line_proceeds GROUP BY order_id, line_no) p
    ON p.order_id = l.order_id AND p.line_no = l.line_no
 WHERE l.amount_minor <> coalesce(c.amount, 0) + coalesce(p.amount, 0)
    OR l.commission_minor <> coalesce(c.amount, 0)
""",
    ),
    Rule(
        name="a paid commission is in an approved payout, and in one of its promoter and currency",
        invariant=5,
        tables=("commissions", "payout_items"),
        sql="""
SELECT 'commissions', c.id::text,
       format('it is %s, paid at %s, and in the payout item %s of a batch that is %s', c.state, c.paid_at,
              c.payout_item_id, coalesce(b.state, 'missing'))
  FROM commissions c
  LEFT JOIN payout_items i ON i.id = c.payout_item_id
  LEFT JOIN payout_batches b ON b.id = i.batch_id
  LEFT JOIN payout_sendings s ON s.item_id = i.id
 WHERE (c.paid_at IS NOT NULL AND c.paid_at IS DISTINCT FROM s.confirmed_at)
    OR (c.payout_item_id IS NOT NULL AND (i.payee, i.payee_id, i.currency)
          IS DISTINCT FROM ('promoter'::text, c.promoter_id, c.currency))
    OR (c.payout_item_id IS NOT NULL AND (b.state IS NULL OR b.state = 'dropped'))
    OR (c.state = 'released' AND s.state IN ('confirmed', 'failed', 'returned'))
    OR (c.state = 'held' AND c.payout_item_id IS NOT NULL)
""",
    ),
)

_VISITS = (
    Rule(
        name="visits are opens of a share, counted once a window",
        invariant=6,
        tables=("visits",),
        sql="""
SELECT 'visits', v.share_id || '/' || v.visitor_id || '/' || v.window_no,
       format('%s opens by %s from %s to %s of a share that %s', v.opens, v.form, v.first_at, v.last_at,
              CASE WHEN s.id IS NULL THEN 'does not exist' ELSE 'was made at ' || s.created_at END)
  FROM visits v LEFT JOIN shares s ON s.id = v.share_id
 WHERE s.id IS NULL OR v.opens < 1 OR v.last_at < v.first_at
    OR v.form NOT IN ('link', 'code', 'comment', 'poster') OR (v.opens = 1 AND v.last_at <> v.first_at)
UNION ALL
SELECT 'visits', max(share_id || '/' || visitor_id || '/' || window_no),
       format('%s visits have the id %s', count(*), id)
  FROM visits GROUP BY id HAVING count(*) > 1
""",
    ),
)

ROWS = (*_STOCK, *_LEDGER, *_ORDERS, *_COMMISSIONS, *_VISITS)
