-- Settle payments that gateways reported. Outcomes, kept for ever with the message:
-- settled (the order is paid) · late (the order was over) · doubled (it was paid already) · differs (another amount):
-- the last three are owed back at once · known (this payment is here already) · other_body (FS422 of its message).
-- What a settled order moves (transfers, shares of its money, stock) was decided before and comes as lines of the
-- item; so does what is given back. p_ids name items; x_… lines carry the item they belong to.
CREATE FUNCTION settle_payments_v1(
  p_id uuid[], p_order uuid[], p_gateway text[], p_gateway_payment text[], p_message text[], p_hash bytea[],
  p_kind text[], p_amount bigint[], p_currency text[], p_paid_at timestamptz[], p_at timestamptz[], p_refund uuid[],
  m_item int[], m_id uuid[], m_sku uuid[], m_quantity bigint[],
  d_item int[], d_line bigint[], d_payee text[], d_payee_id uuid[], d_amount bigint[], d_transfer uuid[],
  d_level bigint[], d_id uuid[], d_share uuid[], d_plan uuid[], d_base bigint[], d_until timestamptz[],
  x_item int[], x_for text[], x_id uuid[], x_debit uuid[], x_credit uuid[], x_amount bigint[], x_phase text[],
  x_reason text[], x_subject uuid[], x_key text[], x_hash bytea[]
) RETURNS TABLE (outcome text, order_state text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_n int := cardinality(p_id);
  v_outcome text[] := array_fill(NULL::text, ARRAY[v_n]);
  v_known text[];
  v_same bool[];
  v_paid bool[];
  v_first int[];          -- the first item of this set with this message
  v_first_payment int[];  -- … with this payment
  o_id uuid[];
  o_state text[];
  o_total bigint[];
  o_currency text[];
  v_at int[];
  k int;
BEGIN
  PERFORM 1 FROM orders WHERE id = ANY (p_order) ORDER BY id FOR NO KEY UPDATE;
  SELECT array_agg(id ORDER BY id), array_agg(state ORDER BY id), array_agg(total_minor ORDER BY id),
         array_agg(currency ORDER BY id)
    INTO o_id, o_state, o_total, o_currency FROM orders WHERE id = ANY (p_order);
  SELECT array_agg(g.outcome ORDER BY item.n), array_agg(g.body_hash = item.hash ORDER BY item.n),
         array_agg(p.id IS NOT NULL ORDER BY item.n), array_agg(array_position(o_id, item.order_id) ORDER BY item.n),
         array_agg(item.first ORDER BY item.n), array_agg(item.first_payment ORDER BY item.n)
    INTO v_known, v_same, v_paid, v_at, v_first, v_first_payment
    FROM (SELECT x.*, (min(n) OVER (PARTITION BY gateway, message))::int AS first,
                 (min(n) OVER (PARTITION BY gateway, payment))::int AS first_payment
            FROM unnest(p_gateway, p_message, p_hash, p_gateway_payment, p_order) WITH ORDINALITY
                   AS x (gateway, message, hash, payment, order_id, n)) item
    LEFT JOIN gateway_messages g ON g.gateway = item.gateway AND g.message_id = item.message
    LEFT JOIN payments p ON p.gateway = item.gateway AND p.gateway_payment_id = item.payment;

  FOR i IN 1 .. v_n LOOP
    k := v_at[i];
    IF v_known[i] IS NOT NULL THEN
      v_outcome[i] := CASE WHEN v_same[i] THEN 'again:' || v_known[i] ELSE 'other_body' END;
    ELSIF v_first[i] < i THEN
      k := v_first[i];
      v_outcome[i] := CASE WHEN p_hash[i] = p_hash[k] THEN 'again:' || v_outcome[k] ELSE 'other_body' END;
      k := v_at[i];
    ELSIF v_paid[i] OR v_first_payment[i] < i THEN
      v_outcome[i] := 'known';
    ELSIF p_amount[i] <> o_total[k] OR p_currency[i] <> o_currency[k] THEN
      v_outcome[i] := 'differs';
    ELSIF o_state[k] = 'placed' THEN
      v_outcome[i] := 'settled';
      o_state[k] := 'paid';
    ELSIF o_state[k] IN ('cancelled', 'expired') THEN
      v_outcome[i] := 'late';
    ELSE
      v_outcome[i] := 'doubled';
    END IF;
  END LOOP;

  UPDATE orders SET state = 'paid', paid_at = p_at[n]
    FROM generate_series(1, v_n) AS n WHERE orders.id = p_order[n] AND v_outcome[n] = 'settled';

  INSERT INTO payments (id, order_id, gateway, gateway_payment_id, amount_minor, currency, outcome, paid_at, received_at)
  SELECT p_id[n], p_order[n], p_gateway[n], p_gateway_payment[n], p_amount[n], p_currency[n], v_outcome[n],
         p_paid_at[n], p_at[n]
    FROM generate_series(1, v_n) AS n WHERE v_outcome[n] IN ('settled', 'late', 'doubled', 'differs');

  INSERT INTO gateway_messages (gateway, message_id, body_hash, kind, outcome, received_at)
  SELECT p_gateway[n], p_message[n], p_hash[n], p_kind[n], v_outcome[n], p_at[n]
    FROM generate_series(1, v_n) AS n WHERE v_outcome[n] IN ('settled', 'late', 'doubled', 'differs', 'known');

  INSERT INTO refunds (id, order_id, payment_id, amount_minor, currency, reason, state, idempotency_key, posted_at)
  SELECT p_refund[n], p_order[n], p_id[n], p_amount[n], p_currency[n], 'payment ' || v_outcome[n], 'posted',
         'payment:' || p_id[n], p_at[n]
    FROM generate_series(1, v_n) AS n WHERE v_outcome[n] IN ('late', 'doubled', 'differs');

  -- Sold: from reserved to gone.
  PERFORM 1 FROM sku_stock WHERE sku_id = ANY (m_sku) ORDER BY sku_id FOR NO KEY UPDATE;
  WITH sold AS (
    INSERT INTO stock_movements (id, sku_id, kind, quantity, reason, order_id, occurred_at)
    SELECT m.id, m.sku, 'sold', -m.quantity, '', p_order[m.item], p_at[m.item]
      FROM unnest(m_item, m_id, m_sku, m_quantity) AS m (item, id, sku, quantity)
      JOIN sku_stock s ON s.sku_id = m.sku AND s.tracked
     WHERE v_outcome[m.item] = 'settled'
  ), by_sku AS (
    SELECT m.sku, sum(m.quantity) AS quantity FROM unnest(m_item, m_sku, m_quantity) AS m (item, sku, quantity)
     WHERE v_outcome[m.item] = 'settled' GROUP BY m.sku
  )
  UPDATE sku_stock SET reserved = reserved - by_sku.quantity,
                       on_hand = on_hand - CASE WHEN tracked THEN by_sku.quantity ELSE 0 END
    FROM by_sku WHERE sku_stock.sku_id = by_sku.sku;

  PERFORM post_transfers_v1(
    array_agg(x.id), array_agg(x.debit), array_agg(x.credit), array_agg(x.amount), array_agg(p_currency[x.item]),
    array_agg(x.phase), array_agg(NULL::uuid), array_agg(x.reason), array_agg(x.subject), array_agg(x.key),
    array_agg(x.hash), array_agg(p_at[x.item]))
    FROM unnest(x_item, x_for, x_id, x_debit, x_credit, x_amount, x_phase, x_reason, x_subject, x_key, x_hash)
      AS x (item, goal, id, debit, credit, amount, phase, reason, subject, key, hash)
   WHERE (x.goal = 'settled') = (v_outcome[x.item] = 'settled')
     AND v_outcome[x.item] IN ('settled', 'late', 'doubled', 'differs')
  HAVING count(*) > 0;

  INSERT INTO commissions (id, order_id, line_no, level, promoter_id, share_id, plan_version_id, base_minor, amount_minor,
                           currency, state, transfer_id, accrued_at, hold_until)
  SELECT d.id, p_order[d.item], d.line, d.level, d.payee_id, d.share, d.plan, d.base, d.amount, p_currency[d.item], 'held',
         d.transfer, p_at[d.item], d.until
    FROM unnest(d_item, d_line, d_payee, d_payee_id, d_amount, d_transfer, d_level, d_id, d_share, d_plan, d_base,
                d_until)
      AS d (item, line, payee, payee_id, amount, transfer, level, id, share, plan, base, until)
   WHERE d.payee = 'promoter' AND v_outcome[d.item] = 'settled';

  INSERT INTO line_proceeds (order_id, line_no, payee, merchant_id, amount_minor, currency, state, transfer_id,
                             hold_until)
  SELECT p_order[d.item], d.line, d.payee, d.payee_id, d.amount, p_currency[d.item], 'held', d.transfer, d.until
    FROM unnest(d_item, d_line, d_payee, d_payee_id, d_amount, d_transfer, d_until)
      AS d (item, line, payee, payee_id, amount, transfer, until)
   WHERE d.payee <> 'promoter' AND v_outcome[d.item] = 'settled';

  PERFORM bind_buyers_v1(array_agg(p_order[n]), array_agg(p_at[n]))
    FROM generate_series(1, v_n) AS n WHERE v_outcome[n] = 'settled' HAVING count(*) > 0;

  INSERT INTO events (name, occurred_at, subject_id, data)
  SELECT CASE WHEN v_outcome[n] = 'settled' THEN 'order.paid' ELSE 'payment.refused' END, p_at[n], p_order[n],
         jsonb_build_object('payment', p_id[n], 'amount', p_amount[n], 'currency', p_currency[n],
                            'outcome', v_outcome[n], 'refund',
                            CASE WHEN v_outcome[n] = 'settled' THEN NULL ELSE p_refund[n] END,
                            'sold', CASE WHEN v_outcome[n] = 'settled' THEN sold.quantities END,
                            'commissions', CASE WHEN v_outcome[n] = 'settled' THEN earned.amounts END)
    FROM generate_series(1, v_n) AS n
    LEFT JOIN (SELECT m.item, jsonb_agg(jsonb_build_array(m.sku, m.quantity)) AS quantities
                 FROM unnest(m_item, m_sku, m_quantity) AS m (item, sku, quantity) GROUP BY m.item) sold ON sold.item = n
    LEFT JOIN (SELECT d.item, jsonb_agg(jsonb_build_array(d.id, d.payee_id, d.amount)) AS amounts
                 FROM unnest(d_item, d_payee, d_id, d_payee_id, d_amount) AS d (item, payee, id, payee_id, amount)
                WHERE d.payee = 'promoter' GROUP BY d.item) earned ON earned.item = n
   WHERE v_outcome[n] IN ('settled', 'late', 'doubled', 'differs');

  RETURN QUERY SELECT v_outcome[n], o_state[v_at[n]] FROM generate_series(1, v_n) AS n ORDER BY n;
END $$;
