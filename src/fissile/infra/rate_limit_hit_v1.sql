-- One hit of a sliding window, exact over every process: true if it is within the limit.
CREATE FUNCTION rate_limit_hit_v1(p_key text, p_limit int, p_seconds int, p_amount int, p_now timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v_hits timestamptz[];
BEGIN
  -- Makes the row or locks it, in one statement: the sweep that forgets windows cannot come between.
  INSERT INTO rate_limit_windows AS w (key, hits, expires_at)
  VALUES (p_key, '{}', p_now + make_interval(secs => p_seconds))
  ON CONFLICT (key) DO UPDATE SET expires_at = GREATEST(w.expires_at, excluded.expires_at)
  RETURNING hits INTO v_hits;
  v_hits := ARRAY(SELECT hit FROM unnest(v_hits) hit WHERE hit > p_now - make_interval(secs => p_seconds));
  IF cardinality(v_hits) + p_amount > p_limit THEN
    RETURN false;
  END IF;
  UPDATE rate_limit_windows SET hits = v_hits || array_fill(p_now, ARRAY[p_amount]) WHERE key = p_key;
  RETURN true;
END $$;
