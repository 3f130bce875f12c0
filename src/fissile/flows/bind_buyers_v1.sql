-- Bind the buyers of orders that were paid just now to who has the credit, where the policy that decided it binds;
-- called by settle_payments_v1 in its transaction. A buyer who is bound stays bound, unless the promoter's account is
-- closed: then that binding ends and this order makes another. Nobody is bound to themselves.
-- Of two payments at the same moment the unique key lets one make the binding.
CREATE FUNCTION bind_buyers_v1(p_order uuid[], p_at timestamptz[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM orders o JOIN attribution_policy_versions v ON v.id = o.credit_policy_id
     WHERE o.id = ANY (p_order) AND o.member_id IS NOT NULL AND o.credit_promoter_id IS NOT NULL AND v.binding <> 'off'
  ) THEN
    RETURN;
  END IF;

  WITH binding AS (
    SELECT DISTINCT ON (o.member_id) o.member_id, p.paid_at
      FROM unnest(p_order, p_at) AS p (order_id, paid_at)
      JOIN orders o ON o.id = p.order_id
      JOIN attribution_policy_versions v ON v.id = o.credit_policy_id AND v.binding <> 'off'
     WHERE o.credit_promoter_id <> o.member_id AND o.credit_reason <> 'binding'
     ORDER BY o.member_id, p.paid_at
  ), due AS (
    SELECT b.order_id, binding.paid_at
      FROM buyer_bindings b
      JOIN binding ON binding.member_id = b.member_id
      JOIN members m ON m.id = b.promoter_id AND m.state <> 'active'
     WHERE b.ended_at IS NULL
     ORDER BY b.order_id FOR UPDATE OF b
  ), ended AS (
    UPDATE buyer_bindings b SET ended_at = due.paid_at, end_reason = 'promoter closed'
      FROM due WHERE b.order_id = due.order_id AND b.ended_at IS NULL
    RETURNING b.order_id, b.member_id, b.promoter_id, b.ended_at
  )
  INSERT INTO events (name, occurred_at, subject_id, data)
  SELECT 'binding.ended', ended_at, order_id, jsonb_build_object('member', member_id, 'promoter', promoter_id)
    FROM ended;

  WITH made AS (
    INSERT INTO buyer_bindings (order_id, member_id, promoter_id, share_id, bound_at)
    SELECT o.id, o.member_id, o.credit_promoter_id, o.credit_share_id, p.paid_at
      FROM unnest(p_order, p_at) AS p (order_id, paid_at)
      JOIN orders o ON o.id = p.order_id
      JOIN attribution_policy_versions v ON v.id = o.credit_policy_id AND v.binding <> 'off'
      JOIN members m ON m.id = o.credit_promoter_id AND m.state = 'active'
     WHERE o.credit_promoter_id <> o.member_id AND o.credit_reason <> 'binding'
     ORDER BY o.member_id, p.paid_at, o.id
    ON CONFLICT (member_id) WHERE ended_at IS NULL DO NOTHING
    RETURNING order_id, member_id, promoter_id, bound_at
  )
  INSERT INTO events (name, occurred_at, subject_id, data)
  SELECT 'binding.made', bound_at, order_id, jsonb_build_object('member', member_id, 'promoter', promoter_id)
    FROM made;
END $$;
