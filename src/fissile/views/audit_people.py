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

_CHANNELS = (
    Rule(
        name="events fold to each promoter's accounts and communities, their versions and states",
        invariant=8,
        tables=("channels", "events"),
        sql="""
SELECT 'channels', coalesce(c.promoter_id, e.promoter_id)::text,
       format('%s accounts and %s communities of versions %s; events give %s, %s, %s',
              coalesce(c.accounts, 0), coalesce(c.communities, 0), coalesce(c.versions, 0), coalesce(e.accounts, 0),
              coalesce(e.communities, 0), coalesce(e.versions, 0))
  FROM (SELECT promoter_id, count(*) FILTER (WHERE kind = 'account') AS accounts,
               count(*) FILTER (WHERE kind = 'community') AS communities, sum(version) AS versions
          FROM channels GROUP BY 1) c
  FULL JOIN (SELECT subject_id AS promoter_id, sum((data->>'accounts')::bigint) AS accounts,
                    sum((data->>'communities')::bigint) AS communities, sum((data->>'versions')::bigint) AS versions
               FROM events WHERE name LIKE 'channels.%' GROUP BY 1) e ON e.promoter_id = c.promoter_id
 WHERE (coalesce(c.accounts, 0), coalesce(c.communities, 0), coalesce(c.versions, 0))
       IS DISTINCT FROM (coalesce(e.accounts, 0), coalesce(e.communities, 0), coalesce(e.versions, 0))
UNION ALL
SELECT 'channels', coalesce(c.promoter_id, e.promoter_id)::text,
       format('%s are %s; events give %s', coalesce(c.n, 0), coalesce(c.state, e.state), coalesce(e.n, 0))
  FROM (SELECT promoter_id, state, count(*) AS n FROM channels GROUP BY 1, 2) c
  FULL JOIN (SELECT e.subject_id AS promoter_id, moved.key AS state, sum(moved.value::bigint) AS n
               FROM events e CROSS JOIN LATERAL jsonb_each_text(e.data->'states') AS moved
              WHERE e.name LIKE 'channels.%' GROUP BY 1, 2) e ON e.promoter_id = c.promoter_id AND e.state = c.state
 WHERE coalesce(c.n, 0) IS DISTINCT FROM coalesce(e.n, 0)
""",
    ),
    Rule(
        name="a share names a channel of its promoter, or one that was erased",
        invariant=6,
        tables=("shares", "channels"),
        sql="""
SELECT 'shares', s.id::text,
       format('it names the %s %s, which is a %s of promoter %s', s.channel_kind, s.channel_id, c.kind, c.promoter_id)
  FROM shares s JOIN channels c ON c.id = s.channel_id
 WHERE c.promoter_id <> s.promoter_id OR c.kind <> s.channel_kind
""",
    ),
)

PEOPLE = (*_VISITS, *_CHANNELS)
