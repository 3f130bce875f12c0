"""Invariants of payouts: two people, transfers, nobody twice and nobody forgotten, events."""

from __future__ import annotations

from fissile.views.audit_rule import Rule

_ROWS = (
    Rule(
        name="a payout item is its transfers, ended as the outbox says",
        invariant=5,
        tables=("payout_items",),
        sql="""
SELECT 'payout_items', i.id::text,
       format('it pays %s %s, %s of it withheld, to %s %s in a batch that is %s, and is %s; its transfers have %s and'
              ' were ended as %s', i.amount_minor, i.currency, i.withheld_minor, i.payee, i.payee_id,
              coalesce(b.state, 'missing'), coalesce(s.state, 'not approved'), coalesce(p.told, 'nothing'),
              coalesce(p.ended, 'nothing yet'))
  FROM payout_items i
  LEFT JOIN payout_batches b ON b.id = i.batch_id
  LEFT JOIN payout_sendings s ON s.item_id = i.id
  LEFT JOIN LATERAL (
    SELECT string_agg(t.amount_minor::text, ' + ' ORDER BY t.id = i.transfer_id DESC) AS told,
           string_agg(coalesce(e.phase, 'nothing yet'), ', ') AS ended,
           bool_and((t.phase, t.amount_minor, t.currency, t.subject_id, t.occurred_at)
             IS NOT DISTINCT FROM ('pending'::text,
               CASE WHEN t.id = i.transfer_id THEN i.amount_minor - i.withheld_minor ELSE i.withheld_minor END,
               i.currency, i.batch_id, b.made_at)
             AND (d.kind, d.owner_id) IS NOT DISTINCT FROM (
               CASE i.payee WHEN 'promoter' THEN 'commission_payable' ELSE 'merchant_payable' END, i.payee_id)
             AND c.kind IS NOT DISTINCT FROM
               CASE WHEN t.id = i.transfer_id THEN 'payout_clearing' ELSE 'withholding_payable' END
             AND e.phase IS NOT DISTINCT FROM
               CASE WHEN s.confirmed_at IS NOT NULL THEN 'post'
                    WHEN s.state = 'failed' OR b.state = 'dropped' THEN 'void' END
             AND e.occurred_at IS NOT DISTINCT FROM
               CASE WHEN s.confirmed_at IS NOT NULL THEN s.confirmed_at WHEN s.state = 'failed' THEN s.changed_at
                    ELSE b.dropped_at END) AS fits,
           count(*) AS transfers
      FROM ledger_transfers t
      LEFT JOIN ledger_transfers e ON e.pending_id = t.id
      LEFT JOIN ledger_accounts d ON d.id = t.debit_account_id
      LEFT JOIN ledger_accounts c ON c.id = t.credit_account_id
     WHERE t.id IN (i.transfer_id, i.withholding_transfer_id)
  ) p ON true
 WHERE b.id IS NULL OR b.currency <> i.currency OR i.payee NOT IN ('promoter', 'merchant') OR i.amount_minor <= 0
    OR i.withheld_minor NOT BETWEEN 0 AND i.amount_minor - 1 OR p.fits IS DISTINCT FROM true
    OR p.transfers <> CASE WHEN i.withheld_minor > 0 THEN 2 ELSE 1 END
UNION ALL
SELECT 'payout_items', max(id::text), format('batch %s has %s items for %s', batch_id, count(*), payee_id)
  FROM payout_items GROUP BY batch_id, payee_id HAVING count(*) > 1
UNION ALL
SELECT 'payout_items', i.id::text, format('it came back, but %s transfers of it did', count(t.id))
  FROM payout_items i JOIN payout_sendings s ON s.item_id = i.id AND s.state = 'returned'
  LEFT JOIN ledger_transfers t
    ON t.idempotency_key IN ('return:payout:' || i.batch_id || ':' || i.payee_id,
                             'return:payout_withheld:' || i.batch_id || ':' || i.payee_id)
   AND t.amount_minor = CASE WHEN t.idempotency_key LIKE 'return:payout:%' THEN i.amount_minor - i.withheld_minor
                             ELSE i.withheld_minor END
 GROUP BY i.id HAVING count(t.id) <> CASE WHEN i.withheld_minor > 0 THEN 2 ELSE 1 END
""",
    ),
    Rule(
        name="nobody twice, nobody forgotten: each approved item has ended, or waits with a reason",
        invariant=5,
        tables=("payout_items", "payout_sendings"),
        sql="""
SELECT 'payout_items', i.id::text,
       CASE WHEN s.item_id IS NULL THEN format('its batch is %s, but it is not in the outbox', b.state)
            ELSE format('its batch is %s, but it is in the outbox', b.state) END
  FROM payout_items i JOIN payout_batches b ON b.id = i.batch_id
  LEFT JOIN payout_sendings s ON s.item_id = i.id
 WHERE (b.state IN ('approved', 'paid')) <> (s.item_id IS NOT NULL)
UNION ALL
SELECT 'payout_sendings', s.item_id::text,
       format('it is %s (%s), goes by %s in a batch that is %s, next at %s, confirmed at %s, in the file %s', s.state,
              s.reason, s.method, coalesce(b.state, 'missing'), s.next_at, s.confirmed_at, s.file_id)
  FROM payout_sendings s
  LEFT JOIN payout_items i ON i.id = s.item_id
  LEFT JOIN payout_batches b ON b.id = s.batch_id
  LEFT JOIN payout_files f ON f.id = s.file_id
 WHERE i.id IS NULL OR i.batch_id <> s.batch_id OR i.method <> s.method
    OR (b.state = 'paid' AND s.state NOT IN ('confirmed', 'failed', 'returned'))
    OR (s.method = 'hand' AND s.state NOT IN ('confirmed', 'returned'))
    OR (s.state IN ('confirmed', 'returned')) <> (s.confirmed_at IS NOT NULL)
    -- The gateway's items are spoken about again by themselves, unless a person has to decide.
    OR (s.method = 'gateway' AND s.state IN ('owed', 'sending', 'sent', 'unknown') AND s.next_at IS NULL)
    OR (s.state IN ('held', 'failed', 'returned', 'unknown') AND s.reason = '')
    OR (s.method = 'file' AND s.state = 'sent' AND f.batch_id IS DISTINCT FROM s.batch_id)
    OR s.changed_at < s.created_at
UNION ALL
SELECT 'payout_batches', b.id::text, 'it is approved, but none of its items is on its way'
  FROM payout_batches b
 WHERE b.state = 'approved' AND NOT EXISTS (
   SELECT FROM payout_sendings s WHERE s.batch_id = b.id AND s.state NOT IN ('confirmed', 'failed', 'returned'))
UNION ALL
SELECT 'payout_files', f.id::text,
       format('it has %s items over %s, the outbox has %s over %s', f.items, f.total_minor, count(i.id),
              coalesce(sum(i.amount_minor - i.withheld_minor), 0))
  FROM payout_files f
  LEFT JOIN payout_sendings s ON s.file_id = f.id
  LEFT JOIN payout_items i ON i.id = s.item_id
 GROUP BY f.id
HAVING (f.items, f.total_minor)
       IS DISTINCT FROM (count(i.id), coalesce(sum(i.amount_minor - i.withheld_minor), 0)::bigint)
""",
    ),
    Rule(
        name="a payout is approved by somebody else than its maker",
        invariant=10,
        tables=("payout_batches",),
        sql="""
SELECT 'payout_batches', b.id::text,
       format('it is %s, made by %s at %s, approved by %s at %s, paid at %s, dropped at %s, with %s items', b.state,
              b.made_by, b.made_at, b.approved_by, b.approved_at, b.paid_at, b.dropped_at, coalesce(i.items, 0))
  FROM payout_batches b
  LEFT JOIN (SELECT batch_id, count(*) AS items FROM payout_items GROUP BY batch_id) i ON i.batch_id = b.id
 WHERE b.approved_by = b.made_by OR b.state NOT IN ('proposed', 'made', 'approved', 'paid', 'dropped')
    OR i.items IS NULL OR (b.made_by IS NULL AND b.state NOT IN ('proposed', 'dropped'))
    OR (b.state IN ('approved', 'paid')) <> (b.approved_by IS NOT NULL)
    OR (b.state IN ('approved', 'paid')) <> (b.approved_at IS NOT NULL)
    OR (b.state = 'paid') <> (b.paid_at IS NOT NULL) OR (b.state = 'dropped') <> (b.dropped_at IS NOT NULL)
    OR b.approved_at < b.made_at OR b.paid_at < b.approved_at OR b.dropped_at < b.made_at
""",
    ),
    Rule(
        name="an item is paid to an account of its payee and currency, as it was when the payout was made",
        invariant=5,
        tables=("payout_items", "payout_account_versions"),
        sql="""
SELECT 'payout_items', i.id::text,
       format('it is paid by %s to the account version %s of %s %s in %s', i.method, i.account_version_id, v.payee,
              v.payee_id, v.currency)
  FROM payout_items i
  JOIN payout_batches b ON b.id = i.batch_id
  LEFT JOIN payout_account_versions v ON v.id = i.account_version_id
 WHERE (i.method = 'hand') <> (i.account_version_id IS NULL)
    OR (i.account_version_id IS NOT NULL
        AND ((v.payee, v.payee_id, v.currency, v.method, v.state)
               IS DISTINCT FROM (i.payee, i.payee_id, i.currency, i.method, 'open'::text) OR v.usable_from > b.made_at))
UNION ALL
SELECT 'payout_account_versions', v.id::text,
       format('it is version %s of %s %s in %s, events tell %s times of it', v.version, v.payee, v.payee_id, v.currency,
              count(e.position))
  FROM payout_account_versions v
  LEFT JOIN events e ON e.subject_id = v.id AND (e.data->>'payee', e.data->>'payee_id', e.data->>'currency', e.name)
       = (v.payee, v.payee_id::text, v.currency,
          CASE v.state WHEN 'open' THEN 'payout_account.registered' ELSE 'payout_account.closed' END)
   AND e.occurred_at = v.made_at
 GROUP BY v.id HAVING count(e.position) <> 1
""",
    ),
    Rule(
        name="a scheduled day was run once, and its batch is of its currency",
        invariant=9,
        tables=("payout_runs", "payout_batches"),
        sql="""
SELECT 'payout_runs', r.payee || ' ' || r.currency || ' ' || r.day,
       format('it ran at %s; its batch %s was made at %s in %s', r.ran_at, r.batch_id, b.made_at, b.currency)
  FROM payout_runs r
  LEFT JOIN payout_batches b ON b.id = r.batch_id
  LEFT JOIN payout_terms t ON t.id = r.terms_id
 WHERE (t.payee, t.currency) IS DISTINCT FROM (r.payee, r.currency)
    OR (r.batch_id IS NOT NULL AND ((b.currency, b.made_at) IS DISTINCT FROM (r.currency, r.ran_at)
        OR EXISTS (SELECT FROM payout_items i WHERE i.batch_id = b.id AND i.payee <> r.payee)))
""",
    ),
)

_FOLDS = (
    Rule(
        name="events fold to the states of payouts and their items",
        invariant=8,
        tables=("payout_batches", "payout_items", "events"),
        sql="""
SELECT 'payout_batches', coalesce(b.id, e.subject_id)::text,
       format('it is %s; its events are: %s', coalesce(b.state, 'missing'), coalesce(e.names, 'none'))
  FROM payout_batches b
  FULL JOIN (
    SELECT subject_id, string_agg(substr(name, 8), ', ' ORDER BY position) AS names,
           replace((array_agg(substr(name, 8) ORDER BY position DESC))[1], 'taken', 'made') AS state,
           count(*) <> count(DISTINCT name) OR count(*) FILTER (WHERE name IN ('payout.made', 'payout.proposed')) <> 1
             AS doubled,
           min(actor_id::text) FILTER (WHERE name IN ('payout.made', 'payout.taken')) AS made_by,
           min(data->>'currency') FILTER (WHERE name IN ('payout.made', 'payout.proposed')) AS currency,
           min(actor_id::text) FILTER (WHERE name = 'payout.approved') AS approved_by,
           max(occurred_at) FILTER (WHERE name IN ('payout.made', 'payout.proposed')) AS made_at,
           max(occurred_at) FILTER (WHERE name = 'payout.taken') AS taken_at,
           max(occurred_at) FILTER (WHERE name = 'payout.approved') AS approved_at,
           max(occurred_at) FILTER (WHERE name = 'payout.paid') AS paid_at,
           max(occurred_at) FILTER (WHERE name = 'payout.dropped') AS dropped_at
      FROM events WHERE name LIKE 'payout.%' GROUP BY subject_id
  ) e ON e.subject_id = b.id
 WHERE e.doubled IS DISTINCT FROM false
    OR (b.state, b.currency, b.made_by::text, b.approved_by::text, b.made_at, b.taken_at, b.approved_at, b.paid_at,
        b.dropped_at)
       IS DISTINCT FROM (e.state, e.currency, e.made_by, e.approved_by, e.made_at, e.taken_at, e.approved_at, e.paid_at,
                         e.dropped_at)
UNION ALL
SELECT 'payout_items', coalesce(i.id, e.id)::text,
       format('it pays %s to %s; its event tells %s to %s', i.amount_minor, i.payee_id, e.amount, e.payee_id)
  FROM payout_items i
  FULL JOIN (SELECT (item->>0)::uuid AS id, item->>1 AS payee, item->>2 AS payee_id, (item->>3)::bigint AS amount,
                    ev.subject_id AS batch_id
               FROM events ev CROSS JOIN LATERAL jsonb_array_elements(ev.data->'items') AS item
              WHERE ev.name IN ('payout.made', 'payout.proposed')) e ON e.id = i.id
 WHERE (i.payee, i.payee_id::text, i.amount_minor, i.batch_id)
       IS DISTINCT FROM (e.payee, e.payee_id, e.amount, e.batch_id)
""",
    ),
    Rule(
        name="events fold to the states of the outbox, each change told once",
        invariant=8,
        tables=("payout_sendings", "events"),
        sql="""
SELECT 'payout_sendings', coalesce(s.item_id, e.subject_id)::text,
       format('it is %s after %s changes; its events are: %s', coalesce(s.state, 'missing'), s.changes,
              coalesce(e.names, 'none'))
  FROM payout_sendings s
  FULL JOIN (
    SELECT subject_id, string_agg(substr(name, 13), ', ' ORDER BY position) AS names,
           (array_agg(substr(name, 13) ORDER BY position DESC))[1] AS state, count(*) AS changes,
           max(occurred_at) FILTER (WHERE name = 'payout_item.confirmed') AS confirmed_at
      FROM events WHERE name LIKE 'payout_item.%' GROUP BY subject_id
  ) e ON e.subject_id = s.item_id
 WHERE (s.state, s.changes, s.confirmed_at) IS DISTINCT FROM (e.state, e.changes, e.confirmed_at)
""",
    ),
)

PAYOUTS = (*_ROWS, *_FOLDS)
