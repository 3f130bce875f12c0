-- Record opens of shares: a visit once per visitor and window, the last moment of it as the touch. What machines
-- opened stands apart, one row an open. A visitor with whose cookie the share's promoter has signed in is its own.
-- An open that is not later than the last one is already counted, so a set may be sent again.
-- Tables are looked up row by row (LIMIT 1), the set's own parts by IN as a value, which is hashed: as joins of 256
-- rows with 256 they took half of the time.
-- Returns one outcome an item, in order: recorded, repeated, own, machine, or stale (the share has changed: decide
-- once more).
CREATE FUNCTION record_visits_v1(
  p_id uuid[], p_share uuid[], p_version bigint[], p_visitor uuid[], p_form text[], p_at timestamptz[],
  p_kind text[], p_agent text[], p_referrer text[], p_device text[], p_os text[], p_browser text[], p_app text[],
  p_window_seconds bigint
) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
  v_outcomes text[];
BEGIN
  WITH item AS (
    SELECT i.*, s.id IS NOT NULL AS live,
           CASE WHEN i.said = 'person' AND (
                  SELECT true FROM visitor_members m
                   WHERE m.visitor_id = i.visitor_id AND m.member_id = s.promoter_id LIMIT 1)
                THEN 'own' ELSE i.said END AS kind
      FROM unnest(p_id, p_share, p_version, p_visitor, p_form, p_at, p_kind, p_agent, p_referrer, p_device, p_os,
                  p_browser, p_app) WITH ORDINALITY
             AS i (id, share_id, version, visitor_id, form, opened_at, said, agent, referrer, device, os, browser, app,
                   n)
      LEFT JOIN LATERAL (
        SELECT id, promoter_id FROM shares
         WHERE id = i.share_id AND version = i.version AND state = 'active' LIMIT 1
      ) s ON true
  ), counted AS (
    -- Of the opens of one visit the first in order says how; all of them say when and how many.
    SELECT DISTINCT ON (share_id, visitor_id, window_no)
           share_id, visitor_id, window_no, id, form, kind, referrer, device, os, browser, app, n,
           min(opened_at) OVER same AS first_at, max(opened_at) OVER same AS last_at, count(*) OVER same AS opens
      FROM (SELECT *, floor(extract(epoch FROM opened_at) / p_window_seconds)::bigint AS window_no
              FROM item WHERE live AND kind IN ('person', 'own')) i
    WINDOW same AS (PARTITION BY share_id, visitor_id, window_no)
     ORDER BY share_id, visitor_id, window_no, n
  ), written AS (
    INSERT INTO visits AS v (share_id, visitor_id, window_no, id, form, first_at, last_at, opens, kind, referrer,
                             device, os, browser, app)
    SELECT share_id, visitor_id, window_no, id, form, first_at, last_at, opens, kind, referrer, device, os, browser,
           app
      FROM counted
    ON CONFLICT (share_id, visitor_id, window_no) DO UPDATE
       SET last_at = excluded.last_at, opens = v.opens + excluded.opens,
           -- Who turns out to be the promoter has been it from the first open on.
           kind = CASE WHEN excluded.kind = 'own' THEN 'own' ELSE v.kind END
     WHERE excluded.last_at > v.last_at
    RETURNING v.share_id, v.visitor_id, v.window_no, v.id
  ), machines AS (
    INSERT INTO machine_opens (id, share_id, kind, agent, form, referrer, opened_at)
    SELECT id, share_id, kind, agent, form, referrer, opened_at
      FROM item WHERE live AND kind NOT IN ('person', 'own') ORDER BY n
    ON CONFLICT (id) DO NOTHING
    RETURNING id, share_id, kind, form, opened_at
  ), told AS (
    INSERT INTO events (name, occurred_at, subject_id, data)
    SELECT CASE WHEN is_first THEN 'visit.recorded' ELSE 'visit.repeated' END, last_at, share_id,
           jsonb_build_object('visitor', visitor_id, 'window', window_no, 'opens', opens, 'form', form, 'kind', kind)
      FROM (SELECT c.*, c.id IN (SELECT id FROM written) AS is_first,
                   (c.share_id, c.visitor_id, c.window_no) IN (SELECT share_id, visitor_id, window_no FROM written)
                     AS is_written
              FROM counted c OFFSET 0) c
     WHERE is_written ORDER BY n
  ), told_apart AS (
    INSERT INTO events (name, occurred_at, subject_id, data)
    SELECT 'visit.machine', opened_at, share_id, jsonb_build_object('kind', kind, 'form', form)
      FROM machines ORDER BY id
  )
  SELECT array_agg(CASE WHEN NOT item.live THEN 'stale'
                        WHEN item.kind = 'own' THEN 'own'
                        WHEN item.kind <> 'person' THEN 'machine'
                        WHEN item.id IN (SELECT id FROM written) THEN 'recorded' ELSE 'repeated' END
                   ORDER BY item.n)
    INTO v_outcomes
    FROM item;
  RETURN v_outcomes;
END $$;
