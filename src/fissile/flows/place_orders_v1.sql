-- Place orders: items one after another over rows locked in the one order; each accepted or refused whole.
-- Items, lines (p_from..p_to are an item's), touches and contacts are parallel arrays. Items of one checkout stand
-- together, p_first is the first of them: they are placed all or none.
-- Outcomes: placed · known (first answer) · other_body · refused (a kept refusal) · stale (decide once more) · sold_out
CREATE FUNCTION place_orders_v1(
  p_id uuid[], p_scope text[], p_key text[], p_hash bytea[], p_merchant uuid[], p_member uuid[], p_visitor uuid[],
  p_checkout uuid[], p_currency text[], p_goods bigint[], p_shipping bigint[], p_credit_share uuid[],
  p_credit_promoter uuid[], p_second uuid[], p_credit_rule text[], p_credit_reason text[], p_at timestamptz[], p_until timestamptz[], p_plans bigint[],
  p_policy uuid[], p_binding uuid[], p_unkept text[], p_policies bigint[],
  p_terms uuid[], p_zone text[], p_weight bigint[], p_after_sale bigint[],
  p_first int[], p_from int[], p_to int[],
  l_item int[], l_no bigint[], l_sku uuid[], l_title text[], l_quantity bigint[], l_price bigint[],
  l_tax_rate bigint[], l_tax bigint[], l_version bigint[], l_fee_plan uuid[], l_fee bigint[], l_plan uuid[],
  l_commission bigint[], l_second bigint[], l_hold bigint[],
  t_item int[], t_share uuid[], t_promoter uuid[], t_at timestamptz[], t_outcome text[], t_reason text[],
  c_item int[], c_name text[], c_phone text[], c_email text[], c_address text[]
) RETURNS TABLE (outcome text, order_id uuid, total_minor bigint, currency text, state text, detail jsonb)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_n int := cardinality(p_id);
  v_outcome text[] := array_fill(NULL::text, ARRAY[v_n]);
  v_detail jsonb[] := array_fill(NULL::jsonb, ARRAY[v_n]);
  v_found uuid[];       -- the order that already has this key
  v_same bool[];        -- … and was asked for in the same words
  v_kept jsonb[];       -- or the refusal
  v_first int[];        -- the first item of this set with this key
  s_id uuid[];
  s_free bigint[];
  s_version bigint[];
  s_taken bigint[];
  v_at int[];           -- of each line: where its SKU stands in s_…
  v_second uuid[];      -- who invited each credited promoter; nobody, if it is the buyer
  v_plans bigint;
  v_policies bigint;
  v_missing text;
  v_last int;           -- the last line of the item that was taken
  v_bad int;            -- the item for which a checkout is not placed
  v_ranks text[] := ARRAY['other_body', 'refused', 'stale', 'sold_out', 'known'];
  k int;
BEGIN
  PERFORM 1 FROM sku_stock WHERE sku_id = ANY (l_sku) ORDER BY sku_id FOR NO KEY UPDATE;

  -- After the locks: a later statement sees what those who held them have committed.
  SELECT array_agg(st.sku_id ORDER BY st.sku_id),
         array_agg(CASE WHEN st.tracked THEN st.on_hand - st.reserved END ORDER BY st.sku_id),
         array_agg(CASE WHEN sk.state = 'listed' THEN sk.version ELSE -1 END ORDER BY st.sku_id)
    INTO s_id, s_free, s_version
    FROM sku_stock st JOIN skus sk ON sk.id = st.sku_id WHERE st.sku_id = ANY (l_sku);
  s_taken := array_fill(0::bigint, ARRAY[cardinality(s_id)]);
  SELECT array_agg(array_position(s_id, sku) ORDER BY n) INTO v_at FROM unnest(l_sku) WITH ORDINALITY AS l (sku, n);
  SELECT array_agg(item.first ORDER BY item.n), array_agg(o.id ORDER BY item.n),
         array_agg(coalesce(o.request_hash, a.request_hash) = item.hash ORDER BY item.n),
         array_agg(a.answer ORDER BY item.n)
    INTO v_first, v_found, v_same, v_kept
    FROM (SELECT n, scope, key, hash, (min(n) OVER (PARTITION BY scope, key))::int AS first
            FROM unnest(p_scope, p_key, p_hash) WITH ORDINALITY AS x (scope, key, hash, n)) item
    LEFT JOIN orders o ON o.idempotency_scope = item.scope AND o.idempotency_key = item.key
    LEFT JOIN kept_answers a ON a.scope = item.scope AND a.key = item.key;
  SELECT array_agg(NULLIF(i.inviter_id, x.member) ORDER BY x.n) INTO v_second
    FROM unnest(p_credit_promoter, p_member) WITH ORDINALITY AS x (promoter, member, n)
    LEFT JOIN promoter_inviters i ON i.member_id = x.promoter;
  v_plans := coalesce((SELECT version FROM reference_versions WHERE name = 'plans'), 0);
  v_policies := coalesce((SELECT version FROM reference_versions WHERE name = 'attribution'), 0);

  -- What foreign keys would check row by row.
  SELECT string_agg(kind || ' ' || id, ', ') INTO v_missing FROM (
    SELECT 'merchant' AS kind, id FROM (SELECT DISTINCT unnest(p_merchant)) AS x (id)
     WHERE NOT EXISTS (SELECT FROM merchants r WHERE r.id = x.id)
    UNION ALL SELECT 'member', id FROM (SELECT DISTINCT unnest(p_member || p_credit_promoter || p_second || t_promoter)) AS x (id)
     WHERE id IS NOT NULL AND NOT EXISTS (SELECT FROM members r WHERE r.id = x.id)
    UNION ALL SELECT 'share', id FROM (SELECT DISTINCT unnest(p_credit_share || t_share)) AS x (id)
     WHERE id IS NOT NULL AND NOT EXISTS (SELECT FROM shares r WHERE r.id = x.id)
    UNION ALL SELECT 'commission plan', id FROM (SELECT DISTINCT unnest(l_plan)) AS x (id)
     WHERE id IS NOT NULL AND NOT EXISTS (SELECT FROM commission_plan_versions r WHERE r.id = x.id)
    UNION ALL SELECT 'fee plan', id FROM (SELECT DISTINCT unnest(l_fee_plan)) AS x (id)
     WHERE id IS NOT NULL AND NOT EXISTS (SELECT FROM fee_plan_versions r WHERE r.id = x.id)
    UNION ALL SELECT 'attribution policy', id FROM (SELECT DISTINCT unnest(p_policy)) AS x (id)
     WHERE id IS NOT NULL AND NOT EXISTS (SELECT FROM attribution_policy_versions r WHERE r.id = x.id)
    UNION ALL SELECT 'binding of order', id FROM (SELECT DISTINCT unnest(p_binding)) AS x (id)
     WHERE id IS NOT NULL AND NOT EXISTS (SELECT FROM buyer_bindings r WHERE r.order_id = x.id)
    UNION ALL SELECT 'shipping terms', id FROM (SELECT DISTINCT unnest(p_terms)) AS x (id)
     WHERE id IS NOT NULL AND NOT EXISTS (SELECT FROM shipping_terms r WHERE r.id = x.id)
    UNION ALL SELECT 'SKU', id FROM (SELECT DISTINCT unnest(l_sku)) AS x (id) WHERE id <> ALL (s_id)
  ) AS missing;
  IF v_missing IS NOT NULL THEN
    RAISE EXCEPTION 'an order refers to what does not exist: %', v_missing USING ERRCODE = 'foreign_key_violation';
  END IF;

  FOR i IN 1 .. v_n LOOP
    IF v_found[i] IS NOT NULL THEN
      v_outcome[i] := CASE WHEN v_same[i] THEN 'known' ELSE 'other_body' END;
    ELSIF v_kept[i] IS NOT NULL THEN
      v_outcome[i] := CASE WHEN v_same[i] THEN 'refused' ELSE 'other_body' END;
      v_detail[i] := v_kept[i];
    ELSIF v_first[i] < i AND v_outcome[v_first[i]] <> 'stale' THEN
      k := v_first[i];
      IF p_hash[i] <> p_hash[k] THEN
        v_outcome[i] := 'other_body';
      ELSIF v_outcome[k] = 'placed' THEN
        v_outcome[i] := 'known';
        v_found[i] := p_id[k];
      ELSE
        v_outcome[i] := v_outcome[k];
        v_detail[i] := v_detail[k];
      END IF;
    ELSIF p_plans[i] <> v_plans OR p_policies[i] <> v_policies OR v_first[i] < i
          OR p_second[i] IS DISTINCT FROM v_second[i] THEN
      v_outcome[i] := 'stale';
    ELSE
      v_outcome[i] := 'placed';
      v_last := p_from[i] - 1;
      FOR j IN p_from[i] .. p_to[i] LOOP
        k := v_at[j];
        IF s_version[k] <> l_version[j] THEN
          v_outcome[i] := 'stale';
          EXIT;
        ELSIF s_free[k] - s_taken[k] < l_quantity[j] THEN
          v_outcome[i] := 'sold_out';
          v_detail[i] := jsonb_build_object('sku', l_sku[j], 'wanted', l_quantity[j],
                                            'available', greatest(s_free[k] - s_taken[k], 0));
          EXIT;
        END IF;
        s_taken[k] := s_taken[k] + l_quantity[j];
        v_last := j;
      END LOOP;
      IF v_outcome[i] <> 'placed' THEN  -- give back what its earlier lines had taken
        FOR j IN p_from[i] .. v_last LOOP
          s_taken[v_at[j]] := s_taken[v_at[j]] - l_quantity[j];
        END LOOP;
      END IF;
    END IF;

    -- The last order of a checkout: if one of them cannot be, none is, and what the others had taken is given back.
    IF p_first[i] < i AND (i = v_n OR p_first[i + 1] > i) THEN
      v_bad := NULL;
      FOR j IN p_first[i] .. i LOOP
        IF v_outcome[j] <> 'placed' AND (v_bad IS NULL OR array_position(v_ranks, v_outcome[j])
                                                          < array_position(v_ranks, v_outcome[v_bad])) THEN
          v_bad := j;
        END IF;
      END LOOP;
      IF v_bad IS NOT NULL AND NOT v_outcome[p_first[i]:i] <@ ARRAY['known'] THEN
        IF v_outcome[v_bad] = 'known' THEN  -- one was placed before, others were not: these are other goods
          v_outcome[v_bad] := 'other_body';
        END IF;
        FOR j IN p_first[i] .. i LOOP
          IF v_outcome[j] = 'placed' THEN
            FOR l IN p_from[j] .. p_to[j] LOOP
              s_taken[v_at[l]] := s_taken[v_at[l]] - l_quantity[l];
            END LOOP;
          END IF;
          v_outcome[j] := v_outcome[v_bad];
          v_detail[j] := v_detail[v_bad];
        END LOOP;
      END IF;
    END IF;
  END LOOP;

  UPDATE sku_stock SET reserved = reserved + taken.quantity
    FROM unnest(s_id, s_taken) AS taken (sku_id, quantity)
   WHERE sku_stock.sku_id = taken.sku_id AND taken.quantity > 0;

  INSERT INTO orders (id, merchant_id, member_id, visitor_id, checkout_id, state, currency, goods_minor,
                      shipping_minor, total_minor, idempotency_scope, idempotency_key, request_hash, credit_share_id,
                      credit_promoter_id, second_promoter_id, credit_rule, credit_reason, placed_at, reserved_until,
                      credit_policy_id, credit_binding_id, credit_unkept, shipping_terms_id, shipping_zone, weight_grams,
                      after_sale_days)
  SELECT id, merchant, member, visitor, checkout, 'placed', curr, goods, shipping, goods + shipping, scope, key, hash,
         credit_share, credit_promoter, second, credit_rule, credit_reason, placed, until,
         policy, binding, unkept::jsonb, terms, zone, weight, after_sale
    FROM unnest(p_id, p_merchant, p_member, p_visitor, p_checkout, p_currency, p_goods, p_shipping, p_scope, p_key,
                p_hash, p_credit_share, p_credit_promoter, p_second, p_credit_rule, p_credit_reason, p_at, p_until,
                p_policy, p_binding, p_unkept, p_terms, p_zone, p_weight, p_after_sale, v_outcome)
      AS o (id, merchant, member, visitor, checkout, curr, goods, shipping, scope, key, hash, credit_share,
            credit_promoter, second, credit_rule, credit_reason, placed, until, policy, binding, unkept, terms, zone,
            weight, after_sale, done)
   WHERE done = 'placed';

  INSERT INTO order_lines (order_id, line_no, sku_id, title, quantity, unit_price_minor, amount_minor, tax_rate_ppm,
                           tax_minor, sku_version, fee_plan_version_id, fee_minor, commission_plan_version_id,
                           commission_minor, second_commission_minor, hold_seconds)
  SELECT p_id[item], no, sku, title, quantity, price, price * quantity, tax_rate, tax, version, fee_plan, fee, plan,
         commission, second, hold
    FROM unnest(l_item, l_no, l_sku, l_title, l_quantity, l_price, l_tax_rate, l_tax, l_version, l_fee_plan, l_fee,
                l_plan, l_commission, l_second, l_hold)
      AS l (item, no, sku, title, quantity, price, tax_rate, tax, version, fee_plan, fee, plan, commission, second,
            hold)
   WHERE v_outcome[item] = 'placed';

  IF cardinality(t_item) > 0 THEN
    INSERT INTO order_touches (order_id, share_id, promoter_id, touched_at, outcome, reason)
    SELECT p_id[item], share, promoter, touched, result, why
      FROM unnest(t_item, t_share, t_promoter, t_at, t_outcome, t_reason)
        AS t (item, share, promoter, touched, result, why)
     WHERE v_outcome[item] = 'placed';
  END IF;

  IF cardinality(c_item) > 0 THEN
    INSERT INTO order_contacts (order_id, name, phone, email, address)
    SELECT p_id[item], name, phone, email, address
      FROM unnest(c_item, c_name, c_phone, c_email, c_address) AS c (item, name, phone, email, address)
     WHERE v_outcome[item] = 'placed';
  END IF;

  INSERT INTO kept_answers (scope, key, request_hash, answer, kind, kept_at)
  SELECT p_scope[n], p_key[n], p_hash[n], v_detail[n], 'refused', p_at[n]
    FROM generate_series(1, v_n) AS n WHERE v_outcome[n] = 'sold_out' AND v_first[n] = n;

  INSERT INTO events (name, occurred_at, actor_id, subject_id, data)
  SELECT 'order.placed', p_at[n], p_member[n], p_id[n],
         jsonb_build_object('merchant', p_merchant[n], 'checkout', p_checkout[n], 'shipping', p_shipping[n],
                            'total', p_goods[n] + p_shipping[n], 'currency', p_currency[n],
                            'promoter', p_credit_promoter[n], 'second', p_second[n], 'lines', line.quantities)
    FROM generate_series(1, v_n) AS n
    CROSS JOIN LATERAL (SELECT jsonb_agg(jsonb_build_array(l_sku[j], l_quantity[j]))
                          FROM generate_series(p_from[n], p_to[n]) AS j) AS line (quantities)
   WHERE v_outcome[n] = 'placed';

  RETURN QUERY
  SELECT v_outcome[n], coalesce(o.id, p_id[n]), coalesce(o.total_minor, p_goods[n] + p_shipping[n]),
         coalesce(o.currency, p_currency[n]), coalesce(o.state, 'placed'), v_detail[n]
    FROM generate_series(1, v_n) AS n LEFT JOIN orders o ON o.id = v_found[n] AND v_outcome[n] = 'known'
   ORDER BY n;
END $$;
