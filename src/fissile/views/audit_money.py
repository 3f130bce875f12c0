"""Refunds in part and the second level: their lines, parts and transfers add up, and events tell each once."""

from __future__ import annotations

from fissile.views.audit_rule import Rule

_REFUNDS = (
    Rule(
        name="a refund is the sum of its lines, and of what it took from each part of them",
        invariant=4,
        tables=("refunds", "refund_lines", "refund_parts"),
        sql="""
SELECT 'refunds', r.id::text,
       format('it is over %s; its lines add up to %s, what was taken from parts to %s', r.amount_minor, l.amount,
              b.amount)
  FROM refunds r
  LEFT JOIN (SELECT refund_id, sum(amount_minor) AS amount FROM refund_lines GROUP BY refund_id) l
    ON l.refund_id = r.id
  LEFT JOIN (SELECT refund_id, sum(amount_minor) AS amount FROM refund_parts GROUP BY refund_id) b
    ON b.refund_id = r.id
 WHERE (r.idempotency_key LIKE 'order:%'
        AND (l.amount, b.amount) IS DISTINCT FROM (r.amount_minor::numeric, r.amount_minor::numeric))
    OR (r.idempotency_key NOT LIKE 'order:%' AND (l.amount IS NOT NULL OR b.amount IS NOT NULL))
UNION ALL
SELECT 'refund_lines', coalesce(l.refund_id, b.refund_id) || '/' || coalesce(l.line_no, b.line_no),
       format('%s were given back of the line, its parts gave %s', l.amount_minor, b.amount)
  FROM refund_lines l
  FULL JOIN (SELECT refund_id, line_no, sum(amount_minor) AS amount FROM refund_parts GROUP BY refund_id, line_no) b
    ON b.refund_id = l.refund_id AND b.line_no = l.line_no
 WHERE l.amount_minor::numeric IS DISTINCT FROM coalesce(b.amount, 0)
""",
    ),
    Rule(
        name="what lines say was refunded is the sum of their refunds",
        invariant=4,
        tables=("order_lines", "orders", "refund_lines"),
        sql="""
SELECT CASE WHEN l.line_no = 0 THEN 'orders' ELSE 'order_lines' END,
       l.order_id || CASE WHEN l.line_no = 0 THEN '' ELSE '/' || l.line_no END,
       format('%s of %s and %s of %s pieces were refunded; refunds add up to %s and %s', l.refunded_minor,
              l.amount_minor, l.refunded_quantity, l.quantity, coalesce(b.amount, 0), coalesce(b.quantity, 0))
  FROM (SELECT order_id, line_no, amount_minor, quantity, refunded_minor, refunded_quantity FROM order_lines
         UNION ALL SELECT id, 0, shipping_minor, 0, shipping_refunded_minor, 0 FROM orders) l
  LEFT JOIN (SELECT r.order_id, b.line_no, sum(b.amount_minor) AS amount, sum(b.quantity) AS quantity
               FROM refund_lines b JOIN refunds r ON r.id = b.refund_id GROUP BY r.order_id, b.line_no) b
    ON b.order_id = l.order_id AND b.line_no = l.line_no
 WHERE (l.refunded_minor, l.refunded_quantity) IS DISTINCT FROM (coalesce(b.amount, 0), coalesce(b.quantity, 0))
    OR l.refunded_minor NOT BETWEEN 0 AND l.amount_minor OR l.refunded_quantity NOT BETWEEN 0 AND l.quantity
""",
    ),
    Rule(
        name="what a refund took from a part is its transfers, and no more than its share rounded up",
        invariant=5,
        tables=("refund_parts",),
        # The share: of all that was refunded of the line, what the part is of the line.
        sql="""
WITH part AS (
  SELECT order_id, line_no, CASE level WHEN 1 THEN 'promoter' ELSE 'inviter' END AS payee, amount_minor
    FROM commissions
  UNION ALL SELECT order_id, line_no, payee, amount_minor FROM line_proceeds
), line AS (
  SELECT order_id, line_no, sum(amount_minor) AS amount FROM part GROUP BY order_id, line_no
), step AS (
  SELECT b.*, r.order_id, r.posted_at,
         sum(b.amount_minor) OVER (PARTITION BY r.order_id, b.line_no, b.payee) AS taken
    FROM refund_parts b JOIN refunds r ON r.id = b.refund_id
), given AS (
  SELECT l.refund_id, l.line_no,
         sum(l.amount_minor) OVER (PARTITION BY r.order_id, l.line_no) AS refunded
    FROM refund_lines l JOIN refunds r ON r.id = l.refund_id
)
SELECT 'refund_parts', s.refund_id || '/' || s.line_no || '/' || s.payee,
       format('%s were taken, %s in all, of a part of %s; %s of its line of %s were refunded; its transfers: %s'
              ' of %s, %s of %s', s.amount_minor, s.taken, p.amount_minor, g.refunded, l.amount, v.phase,
              v.amount_minor, t.phase, t.amount_minor)
  FROM step s
  LEFT JOIN part p ON p.order_id = s.order_id AND p.line_no = s.line_no AND p.payee = s.payee
  LEFT JOIN line l ON l.order_id = s.order_id AND l.line_no = s.line_no
  LEFT JOIN given g ON g.refund_id = s.refund_id AND g.line_no = s.line_no
  LEFT JOIN ledger_transfers v ON v.pending_id = s.ended_id
  LEFT JOIN ledger_transfers t ON t.id = s.transfer_id
 WHERE p.amount_minor IS NULL OR g.refunded IS NULL OR s.taken > ceil(p.amount_minor * g.refunded / l.amount)
    OR (s.ended_id IS NOT NULL
        AND (v.phase, v.amount_minor::numeric, v.occurred_at, v.subject_id) IS DISTINCT FROM
            ('void'::text, s.amount_minor + coalesce(t.amount_minor, 0)::numeric, s.posted_at, s.order_id))
    OR (s.transfer_id IS NOT NULL AND (t.phase, t.occurred_at, t.subject_id) IS DISTINCT FROM
            (CASE WHEN s.ended_id IS NULL THEN 'single' ELSE 'pending' END, s.posted_at, s.order_id))
    OR (s.ended_id IS NULL AND t.amount_minor IS DISTINCT FROM s.amount_minor)
""",
    ),
    Rule(
        name="events fold to what refunds took of each part and gave back of each line",
        invariant=8,
        tables=("refund_parts", "refund_lines", "events"),
        sql="""
SELECT 'refund_parts', coalesce(b.refund_id || '/' || b.line_no || '/' || b.payee, e.refund_id || '/' || e.line_no ||
                                '/' || e.payee),
       format('%s were taken; events tell %s, %s times', b.amount_minor, e.amount, coalesce(e.told, 0))
  FROM refund_parts b
  FULL JOIN (
    SELECT (data->>'refund')::uuid AS refund_id, (data->>'line')::bigint AS line_no, data->>'payee' AS payee,
           sum((data->>'amount')::bigint) AS amount, count(*) AS told
      FROM events WHERE name IN ('commission.reduced', 'commission.taken_back', 'proceeds.reduced',
                                 'proceeds.taken_back') GROUP BY 1, 2, 3
  ) e ON e.refund_id = b.refund_id AND e.line_no = b.line_no AND e.payee = b.payee
 WHERE (b.amount_minor::numeric, 1::bigint) IS DISTINCT FROM (e.amount, e.told)
UNION ALL
SELECT 'refund_lines', coalesce(l.refund_id, e.refund_id) || '/' || coalesce(l.line_no, e.line_no),
       format('%s and %s pieces were given back; events tell %s and %s', l.amount_minor, l.quantity, e.amount,
              e.quantity)
  FROM refund_lines l
  FULL JOIN (
    SELECT (ev.data->>'refund')::uuid AS refund_id, (line->>0)::bigint AS line_no, (line->>1)::bigint AS amount,
           (line->>2)::bigint AS quantity
      FROM events ev CROSS JOIN LATERAL jsonb_array_elements(ev.data->'lines') AS line
     WHERE ev.name IN ('order.refunded', 'order.partly_refunded')
  ) e ON e.refund_id = l.refund_id AND e.line_no = l.line_no
 WHERE (l.amount_minor, l.quantity) IS DISTINCT FROM (e.amount, e.quantity)
""",
    ),
)

_LEVELS = (
    Rule(
        name="the second level of an order is who had invited the credited promoter by then, and never the buyer",
        invariant=5,
        tables=("orders", "promoter_inviters"),
        sql="""
SELECT 'orders', o.id::text,
       format('its second level is %s; %s was invited by %s at %s, and the order placed at %s', o.second_promoter_id,
              o.credit_promoter_id, i.inviter_id, i.invited_at, o.placed_at)
  FROM orders o LEFT JOIN promoter_inviters i ON i.member_id = o.credit_promoter_id
 WHERE o.second_promoter_id IS NOT NULL
   AND (o.second_promoter_id IS DISTINCT FROM i.inviter_id OR o.second_promoter_id = o.member_id)
""",
    ),
    Rule(
        name="nobody stands above themselves in the tree of invitations",
        invariant=5,
        tables=("promoter_inviters",),
        sql="""
WITH RECURSIVE up AS (
  SELECT member_id, inviter_id AS above FROM promoter_inviters
  UNION
  SELECT up.member_id, i.inviter_id FROM up JOIN promoter_inviters i ON i.member_id = up.above
)
SELECT 'promoter_inviters', member_id::text, 'following the inviters leads back to this member'
  FROM up WHERE above = member_id
""",
    ),
    Rule(
        name="events fold to who invited whom",
        invariant=8,
        tables=("promoter_inviters", "promoter_invitations", "events"),
        sql="""
SELECT 'promoter_inviters', coalesce(i.member_id, e.subject_id)::text,
       format('invited by %s via %s; events tell %s via %s, %s times', i.inviter_id, i.via, e.inviter, e.via,
              coalesce(e.told, 0))
  FROM promoter_inviters i
  FULL JOIN (SELECT subject_id, min(data->>'inviter') AS inviter, min(data->>'via') AS via, count(*) AS told,
                    max(occurred_at) AS invited_at
               FROM events WHERE name = 'promoter.invited' GROUP BY subject_id) e ON e.subject_id = i.member_id
 WHERE (i.inviter_id::text, i.via, i.invited_at, 1::bigint) IS DISTINCT FROM (e.inviter, e.via, e.invited_at, e.told)
UNION ALL
SELECT 'promoter_invitations', coalesce(i.promoter_id, e.subject_id)::text,
       format('the invitation %s; events tell %s, %s times', i.id, e.id, coalesce(e.told, 0))
  FROM promoter_invitations i
  FULL JOIN (SELECT subject_id, min(data->>'invitation') AS id, count(*) AS told
               FROM events WHERE name = 'promoter.invitation_made' GROUP BY subject_id) e
    ON e.subject_id = i.promoter_id
 WHERE (i.id::text, 1::bigint) IS DISTINCT FROM (e.id, e.told)
""",
    ),
    Rule(
        name="versions of a plan or fee follow one another in time",
        invariant=5,
        tables=("commission_plan_versions", "fee_plan_versions"),
        sql="""
SELECT relation, id::text, format('version %s begins at %s, before the version before it', version, valid_from)
  FROM (SELECT 'commission_plan_versions' AS relation, id, version, valid_from,
               lag(valid_from) OVER (PARTITION BY scope, scope_id ORDER BY version) AS before
          FROM commission_plan_versions
         UNION ALL
        SELECT 'fee_plan_versions', id, version, valid_from,
               lag(valid_from) OVER (PARTITION BY merchant_id ORDER BY version) FROM fee_plan_versions) one
 WHERE valid_from < before
""",
    ),
)

MONEY = (*_REFUNDS, *_LEVELS)
