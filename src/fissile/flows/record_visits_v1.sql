-- Record opens of shares: a visit once per visitor and window, the last moment of it as the touch.
-- An open that is not later than the last one is already counted, so a set may be sent again.
-- Returns one outcome an item, in order: recorded, repeated, or stale (the share has changed: decide once more).
CREATE FUNCTION record_visits_v1(
  p_id uuid[], p_share uuid[], p_version bigint[], p_visitor uuid[], p_form text[], p_at timestamptz[],
  p_window_seconds bigint
) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
  v_outcomes text[];
BEGIN
  WITH item AS (
    SELECT i.*, s.id IS NOT NULL AS live
      FROM unnest(p_id, p_share, p_version, p_visitor, p_form, p_at) WITH ORDINALITY
             AS i (id, share_id, version, visitor_id, form, opened_at, n)
      LEFT JOIN shares s ON s.id = i.share_id AND s.version = i.version AND s.state = 'active'
  ), gathered AS (
    SELECT share_id, visitor_id, floor(extract(epoch FROM opened_at) / p_window_seconds)::bigint AS window_no,
           (array_agg(id ORDER BY n))[1] AS id, (array_agg(form ORDER BY n))[1] AS form,
           min(opened_at) AS first_at, max(opened_at) AS last_at, count(*) AS opens, min(n) AS n
      FROM item WHERE live GROUP BY 1, 2, 3
  ), written AS (
    INSERT INTO visits AS v (share_id, visitor_id, window_no, id, form, first_at, last_at, opens)
    SELECT share_id, visitor_id, window_no, id, form, first_at, last_at, opens FROM gathered
     ORDER BY share_id, visitor_id, window_no
    ON CONFLICT (share_id, visitor_id, window_no) DO UPDATE
       SET last_at = excluded.last_at, opens = v.opens + excluded.opens
     WHERE excluded.last_at > v.last_at
    RETURNING v.share_id, v.visitor_id, v.window_no, v.id, v.last_at
  ), told AS (
    INSERT INTO events (name, occurred_at, subject_id, data)
    SELECT CASE WHEN w.id = g.id THEN 'visit.recorded' ELSE 'visit.repeated' END, g.last_at, w.share_id,
           jsonb_build_object('visitor', w.visitor_id, 'window', w.window_no, 'opens', g.opens, 'form', g.form)
      FROM written w JOIN gathered g USING (share_id, visitor_id, window_no)
     ORDER BY g.n
  )
  SELECT array_agg(CASE WHEN NOT item.live THEN 'stale' WHEN w.id = item.id THEN 'recorded' ELSE 'repeated' END
                   ORDER BY item.n)
    INTO v_outcomes
    FROM item LEFT JOIN written w ON w.id = item.id;
  RETURN v_outcomes;
END $$;
