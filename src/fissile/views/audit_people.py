"""Invariants of who opens shares and where they are shared: machines apart from visits, channels by their events."""

from __future__ import annotations

from fissile.views.audit_rule import Rule

_VISITS = (
    Rule(
        name="visits by cookies with which the promoter has signed in are the promoter's own",
        invariant=6,
        tables=("visits", "visitor_members"),
        sql="""
SELECT 'visits', v.share_id || '/' || v.visitor_id || '/' || v.window_no,
       format('it counts as %s; the promoter has signed in with this cookie at %s', v.kind,
              coalesce(m.tied_at::text, 'no time'))
  FROM visits v
  JOIN shares s ON s.id = v.share_id
  LEFT JOIN visitor_members m ON m.visitor_id = v.visitor_id AND m.member_id = s.promoter_id
 WHERE v.kind NOT IN ('person', 'own') OR (v.kind = 'own' AND m.visitor_id IS NULL)
""",
    ),
    Rule(
        name="each open by a machine is told by one event",
        invariant=8,
        tables=("machine_opens", "events"),
        sql="""
SELECT 'machine_opens', coalesce(m.share_id, e.share_id)::text,
       format('%s opens by %s as %s; events tell %s', coalesce(m.opens, 0), coalesce(m.kind, e.kind),
              coalesce(m.form, e.form), coalesce(e.opens, 0))
  FROM (SELECT share_id, kind, form, count(*) AS opens FROM machine_opens GROUP BY 1, 2, 3) m
  FULL JOIN (SELECT subject_id AS share_id, data->>'kind' AS kind, data->>'form' AS form, count(*) AS opens
               FROM events WHERE name = 'visit.machine' GROUP BY 1, 2, 3) e
    ON e.share_id = m.share_id AND e.kind = m.kind AND e.form = m.form
 WHERE m.opens IS DISTINCT FROM e.opens
""",
    ),
)

PEOPLE = (*_VISITS,)
