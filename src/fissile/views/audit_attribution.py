"""Attribution recomputed: each order's credit from its policy version and its touches; bindings; folds of events."""

from __future__ import annotations

from fissile.domain.attribution.model import BUILT_IN
from fissile.views.audit_rule import Rule

# Each order with the terms that decided it; where no version is named, the built-in ones did.
_DECIDED = f"""
  decided AS (
    SELECT o.id, o.merchant_id, o.member_id, o.visitor_id, o.placed_at, o.credit_promoter_id, o.credit_share_id,
           o.credit_rule, o.credit_reason, o.credit_policy_id, o.credit_binding_id, o.credit_unkept,
           v.id AS policy_id, v.merchant_id AS policy_merchant_id, v.state AS policy_state,
           coalesce(v.version, 0) AS version, coalesce(v.model, '{BUILT_IN.model}') AS model,
           coalesce(v.window_days, {BUILT_IN.window_days}) AS window_days,
           coalesce(v.level, '{BUILT_IN.level}') AS level, coalesce(v.binding, '{BUILT_IN.binding}') AS binding,
           coalesce(v.self_purchase, false) AS self_purchase
      FROM orders o LEFT JOIN attribution_policy_versions v ON v.id = o.credit_policy_id
  )
"""
# Reasons of touches that counted, whether they decided or not.
_COUNTED = "('last_touch', 'first_touch', 'earlier_touch', 'later_touch', 'code_first', 'binding_first')"

_KEPT_MAX = 20

_CREDIT = (
    Rule(
        name="the credit of an order is its one winning touch, its code or its binding",
        invariant=6,
        tables=("orders", "order_touches"),
        sql=f"""
WITH {_DECIDED}
SELECT 'orders', coalesce(o.id, t.order_id)::text,
       format('its credit is %s by share %s (%s); its %s winning touches are %s by share %s, of %s that counted',
              o.credit_promoter_id, o.credit_share_id, o.credit_reason, coalesce(t.winners, 0), t.promoter, t.share,
              coalesce(t.counted, 0))
  FROM decided o
  FULL JOIN (SELECT order_id, count(*) FILTER (WHERE outcome = 'won') AS winners, count(*) AS touches,
                    count(*) FILTER (WHERE reason IN {_COUNTED}) AS counted,
                    max(promoter_id::text) FILTER (WHERE outcome = 'won') AS promoter,
                    max(share_id::text) FILTER (WHERE outcome = 'won') AS share
               FROM order_touches GROUP BY order_id) t ON t.order_id = o.id
  LEFT JOIN buyer_bindings b ON b.order_id = o.credit_binding_id
 WHERE o.id IS NULL OR (o.credit_promoter_id IS NULL) <> (o.credit_share_id IS NULL)
    OR (o.credit_promoter_id IS NULL) <> (o.credit_reason IN ('no_touch', 'no_valid_touch'))
    OR CASE o.credit_reason
         WHEN 'no_touch' THEN t.order_id IS NOT NULL
         WHEN 'no_valid_touch' THEN coalesce(t.touches, 0) = 0 OR t.counted > 0
         WHEN 'coupon_code' THEN t.winners > 0
         WHEN 'binding' THEN t.winners > 0 OR o.binding = 'off' OR (o.binding = 'after' AND t.counted > 0)
                             OR (b.member_id, b.promoter_id, b.share_id)
                                  IS DISTINCT FROM (o.member_id, o.credit_promoter_id, o.credit_share_id)
         ELSE o.credit_reason <> o.model OR t.winners IS DISTINCT FROM 1
              OR (t.promoter, t.share) IS DISTINCT FROM (o.credit_promoter_id::text, o.credit_share_id::text)
       END
""",
    ),
    Rule(
        name="orders name the policy version that decided them",
        invariant=6,
        tables=("orders",),
        sql=f"""
WITH {_DECIDED}
SELECT 'orders', o.id::text,
       format('it was decided under “%s” by policy version %s (%s), which is %s', o.credit_rule, o.credit_policy_id,
              coalesce(o.policy_merchant_id::text, 'of everyone'), coalesce(o.policy_state, 'missing'))
  FROM decided o
 WHERE o.policy_id IS DISTINCT FROM o.credit_policy_id OR o.policy_state <> 'open'
    OR o.policy_merchant_id <> o.merchant_id
    OR o.credit_rule <> format('%s@%s %sd %s', replace(o.model, '_', '-'), o.version, o.window_days, o.level)
                        || CASE WHEN o.binding <> 'off' THEN ' binding-' || o.binding ELSE '' END
                        || CASE WHEN o.self_purchase THEN ' self-purchase' ELSE '' END
""",
    ),
    Rule(
        name="touches won and lost as their order's policy says",
        invariant=6,
        tables=("order_touches",),
        sql=f"""
WITH {_DECIDED}
SELECT 'order_touches', t.order_id || '/' || t.share_id,
       format('it %s as %s at %s; the order was placed at %s under %s, and the touch at %s won', t.outcome, t.reason,
              t.touched_at, o.placed_at, o.credit_rule, w.touched_at)
  FROM order_touches t
  LEFT JOIN decided o ON o.id = t.order_id
  LEFT JOIN shares s ON s.id = t.share_id
  LEFT JOIN products p ON s.target_kind = 'product' AND p.id = s.target_id
  LEFT JOIN order_touches w ON w.order_id = t.order_id AND w.outcome = 'won'
  CROSS JOIN LATERAL (
    SELECT t.touched_at >= o.placed_at - o.window_days * interval '24 hours' AS in_window,
           o.level <> 'product' OR (s.target_kind = 'product' AND EXISTS (
             SELECT FROM order_lines l JOIN skus k ON k.id = l.sku_id
              WHERE l.order_id = t.order_id AND k.product_id = s.target_id)) AS of_product,
           p.merchant_id IS NULL OR p.merchant_id = o.merchant_id AS of_merchant,
           t.promoter_id = o.member_id AS by_member,
           t.reason IN {_COUNTED} AS counted
  ) is_
 WHERE o.id IS NULL OR s.promoter_id IS DISTINCT FROM t.promoter_id
    OR (t.outcome = 'won') <> (t.reason IN ('last_touch', 'first_touch'))
    OR (is_.counted AND NOT (is_.in_window AND is_.of_product AND is_.of_merchant))
    OR (is_.counted AND is_.by_member AND NOT o.self_purchase)
    OR CASE t.reason
         WHEN 'last_touch' THEN o.credit_reason <> 'last_touch'
         WHEN 'first_touch' THEN o.credit_reason <> 'first_touch'
         WHEN 'earlier_touch' THEN o.model <> 'last_touch' OR w.order_id IS NULL
                                   OR (t.touched_at, t.share_id) > (w.touched_at, w.share_id)
         WHEN 'later_touch' THEN o.model <> 'first_touch' OR w.order_id IS NULL
                                 OR (t.touched_at, t.share_id) < (w.touched_at, w.share_id)
         WHEN 'code_first' THEN o.credit_reason <> 'coupon_code'
         WHEN 'binding_first' THEN o.credit_reason <> 'binding' OR o.binding <> 'before'
         WHEN 'outside_window' THEN is_.in_window
         WHEN 'other_product' THEN is_.of_product
         WHEN 'other_merchant' THEN is_.of_merchant
         WHEN 'self_purchase' THEN o.self_purchase OR (is_.by_member IS NOT TRUE AND NOT EXISTS (
                SELECT FROM visitor_members m WHERE m.visitor_id = o.visitor_id AND m.member_id = t.promoter_id))
         ELSE t.reason NOT IN ('share_not_open', 'promoter_closed')
       END
""",
    ),
    Rule(
        name="touches that were too many to keep are counted on their order",
        invariant=6,
        tables=("orders",),
        sql=f"""
SELECT 'orders', o.id::text,
       format('%s touches are kept, and not kept are %s', coalesce(t.kept, 0), coalesce(o.credit_unkept::text, 'none'))
  FROM orders o
  LEFT JOIN (SELECT order_id, count(*) AS kept FROM order_touches GROUP BY order_id) t ON t.order_id = o.id
 WHERE t.kept > {_KEPT_MAX}
    OR (o.credit_unkept IS NOT NULL AND (
          t.kept IS DISTINCT FROM {_KEPT_MAX} OR jsonb_typeof(o.credit_unkept) <> 'object'
          OR EXISTS (SELECT FROM jsonb_each_text(o.credit_unkept) AS one
                      WHERE one.key IN ('last_touch', 'first_touch') OR one.value !~ '^[1-9][0-9]*$')))
""",
    ),
)

_POLICIES = (
    Rule(
        name="policy versions of a scope are numbered without a gap",
        invariant=6,
        tables=("attribution_policy_versions",),
        sql="""
SELECT 'attribution_policy_versions', id::text, format('it is version %s, but number %s of its scope', version, place)
  FROM (SELECT id, version, row_number() OVER (PARTITION BY merchant_id ORDER BY version) AS place
          FROM attribution_policy_versions) numbered
 WHERE version <> place
UNION ALL
SELECT 'reference_versions', 'attribution',
       format('its version is %s, %s policies were made', max(r.version), count(v.id))
  FROM attribution_policy_versions v
  FULL JOIN (SELECT version FROM reference_versions WHERE name = 'attribution') r ON true
HAVING coalesce(max(r.version), 0) <> count(v.id)
""",
    ),
    Rule(
        name="events fold to attribution policies",
        invariant=8,
        tables=("attribution_policy_versions", "events"),
        sql="""
SELECT 'attribution_policy_versions', coalesce(v.id, e.subject_id)::text,
       format('it is %s %s of %s days; events tell it %s times, as %s', v.version, v.model, v.window_days,
              coalesce(e.told, 0), e.data)
  FROM attribution_policy_versions v
  FULL JOIN (SELECT subject_id, count(*) AS told, (array_agg(data))[1] AS data, max(occurred_at) AS changed_at,
                    max(actor_id::text) AS actor
               FROM events WHERE name = 'attribution.changed' GROUP BY subject_id) e ON e.subject_id = v.id
 WHERE e.told IS DISTINCT FROM 1 OR e.changed_at IS DISTINCT FROM v.valid_from
    OR e.actor IS DISTINCT FROM v.made_by::text
    OR e.data IS DISTINCT FROM jsonb_build_object(
         'merchant_id', v.merchant_id, 'version', v.version, 'model', v.model, 'window_days', v.window_days,
         'level', v.level, 'binding', v.binding, 'self_purchase', v.self_purchase, 'state', v.state)
""",
    ),
)

_BINDINGS = (
    Rule(
        name="a binding is what its paid order made; a buyer has one at a time",
        invariant=6,
        tables=("buyer_bindings",),
        sql=f"""
WITH {_DECIDED}
SELECT 'buyer_bindings', b.order_id::text,
       format('it binds %s to %s by share %s at %s; the order of %s is credited to %s by share %s (%s), paid at %s',
              b.member_id, b.promoter_id, b.share_id, b.bound_at, o.member_id, o.credit_promoter_id,
              o.credit_share_id, o.credit_reason, paid.paid_at)
  FROM buyer_bindings b
  LEFT JOIN decided o ON o.id = b.order_id
  LEFT JOIN orders paid ON paid.id = b.order_id
 WHERE (b.member_id, b.promoter_id, b.share_id, b.bound_at)
         IS DISTINCT FROM (o.member_id, o.credit_promoter_id, o.credit_share_id, paid.paid_at)
    OR b.member_id = b.promoter_id OR o.binding = 'off' OR o.credit_reason = 'binding'
    OR (b.ended_at IS NULL) <> (b.end_reason = '')
UNION ALL
SELECT 'buyer_bindings', max(order_id::text), format('%s bindings of buyer %s are in force', count(*), member_id)
  FROM buyer_bindings WHERE ended_at IS NULL GROUP BY member_id HAVING count(*) > 1
""",
    ),
    Rule(
        name="events fold to bindings",
        invariant=8,
        tables=("buyer_bindings", "events"),
        sql="""
SELECT 'buyer_bindings', coalesce(b.order_id, e.subject_id)::text,
       format('it was made at %s and ended at %s; events tell it made %s times at %s, ended %s times at %s', b.bound_at,
              b.ended_at, coalesce(e.made, 0), e.made_at, coalesce(e.ended, 0), e.ended_at)
  FROM buyer_bindings b
  FULL JOIN (
    SELECT subject_id, count(*) FILTER (WHERE name = 'binding.made') AS made,
           count(*) FILTER (WHERE name = 'binding.ended') AS ended,
           max(occurred_at) FILTER (WHERE name = 'binding.made') AS made_at,
           max(occurred_at) FILTER (WHERE name = 'binding.ended') AS ended_at,
           max(actor_id::text) FILTER (WHERE name = 'binding.ended') AS ended_by,
           min(data->>'member') AS member, min(data->>'promoter') AS promoter
      FROM events WHERE name IN ('binding.made', 'binding.ended') GROUP BY subject_id
  ) e ON e.subject_id = b.order_id
 WHERE (1::bigint, CASE WHEN b.ended_at IS NULL THEN 0 ELSE 1 END::bigint, b.bound_at, b.ended_at, b.ended_by::text,
        b.member_id::text, b.promoter_id::text)
       IS DISTINCT FROM (e.made, e.ended, e.made_at, e.ended_at, e.ended_by, e.member, e.promoter)
""",
    ),
)

ATTRIBUTION = (*_CREDIT, *_POLICIES, *_BINDINGS)
