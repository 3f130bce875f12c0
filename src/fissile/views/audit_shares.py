"""Invariants of shares: each leads to a thing of its kind that there is."""

from __future__ import annotations

from fissile.views.audit_rule import Rule

SHARES = (
    Rule(
        name="shares lead to a product or a shop that exists",
        invariant=6,
        tables=("shares",),
        sql="""
SELECT 'shares', s.id::text, format('it leads to the %s %s, which does not exist', s.target_kind, s.target_id)
  FROM shares s
 WHERE NOT CASE s.target_kind
             WHEN 'product' THEN EXISTS (SELECT FROM products p WHERE p.id = s.target_id)
             WHEN 'shop' THEN EXISTS (SELECT FROM merchants m WHERE m.id = s.target_id)
             ELSE false
           END
""",
    ),
)
