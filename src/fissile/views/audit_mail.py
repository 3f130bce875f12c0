"""What always holds of notices: each owed by one event, each mail ended as its events say."""

from __future__ import annotations

from fissile.views.audit_rule import Rule

MAIL = (
    Rule(
        name="notices and their mails are what their events tell",
        invariant=8,
        tables=("notices", "notice_mails"),
        sql="""
SELECT 'notices', coalesce(n.id, e.subject_id)::text,
       format('mail %s, read %s; its events: %s', coalesce(m.state, 'none'), coalesce(n.read_at::text, 'never'),
              e.names)
  FROM notices n
  LEFT JOIN notice_mails m ON m.notice_id = n.id
  FULL JOIN (
    SELECT subject_id, string_agg(name, ', ' ORDER BY position) AS names,
           count(*) FILTER (WHERE name = 'notice.owed') AS owed,
           max(data->>'kind') FILTER (WHERE name = 'notice.owed') AS kind,
           max(occurred_at) FILTER (WHERE name = 'notice.read') AS read_at,
           count(*) FILTER (WHERE name LIKE 'notice.mail_%') AS ends,
           max(substr(name, 13)) FILTER (WHERE name LIKE 'notice.mail_%') AS ended
      FROM events WHERE name LIKE 'notice.%' GROUP BY subject_id
  ) e ON e.subject_id = n.id
 WHERE n.id IS NULL OR e.owed IS DISTINCT FROM 1 OR e.kind IS DISTINCT FROM n.kind OR e.ends > 1
    OR e.read_at IS DISTINCT FROM n.read_at
    OR (m.state IN ('sent', 'refused', 'given_up') AND e.ended IS DISTINCT FROM m.state)
    OR (m.state IN ('owed', 'sending') AND e.ended IS NOT NULL)
""",
    ),
)
