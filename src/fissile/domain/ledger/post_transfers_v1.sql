-- Post transfers: the only way into the ledger, for one and for many, for flows and for other functions.
-- Arrays are parallel. A known key with the same hash is skipped, with another hash it is an error (FS422).
-- Accounts are locked in id order; bounds are CHECK constraints of ledger_accounts.
CREATE FUNCTION post_transfers_v1(
  p_id uuid[], p_debit uuid[], p_credit uuid[], p_amount bigint[], p_currency text[], p_phase text[],
  p_pending uuid[], p_reason text[], p_subject uuid[], p_key text[], p_hash bytea[], p_at timestamptz[]
) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  v_bad text;
  v_posted int;
BEGIN
  PERFORM 1 FROM ledger_accounts WHERE id = ANY (p_debit || p_credit) ORDER BY id FOR NO KEY UPDATE;

  SELECT t.idempotency_key INTO v_bad
    FROM unnest(p_key, p_hash) AS item (key, hash) JOIN ledger_transfers t ON t.idempotency_key = item.key
   WHERE t.request_hash <> item.hash LIMIT 1;
  IF v_bad IS NOT NULL THEN
    RAISE EXCEPTION 'transfer key % was used for something else', v_bad USING ERRCODE = 'FS422';
  END IF;

  WITH item AS (
    SELECT * FROM unnest(p_id, p_debit, p_credit, p_amount, p_currency, p_phase, p_pending, p_reason, p_subject,
                         p_key, p_hash, p_at)
      AS item (id, debit, credit, amount, currency, phase, pending, reason, subject, key, hash, occurred)
  ), fresh AS (
    INSERT INTO ledger_transfers (id, debit_account_id, credit_account_id, amount_minor, currency, phase, pending_id,
                                  reason, subject_id, idempotency_key, request_hash, occurred_at)
    SELECT id, debit, credit, amount, currency, phase, pending, reason, subject, key, hash, occurred FROM item
     WHERE NOT EXISTS (SELECT FROM ledger_transfers t WHERE t.idempotency_key = item.key)
    RETURNING *
  ), side AS (
    SELECT debit_account_id AS account_id, phase, amount_minor AS debit, 0::bigint AS credit FROM fresh
    UNION ALL
    SELECT credit_account_id, phase, 0, amount_minor FROM fresh
  ), change AS (
    SELECT account_id,
           sum(CASE WHEN phase IN ('single', 'post') THEN debit ELSE 0 END) AS debits_posted,
           sum(CASE WHEN phase IN ('single', 'post') THEN credit ELSE 0 END) AS credits_posted,
           sum(CASE phase WHEN 'pending' THEN debit WHEN 'post' THEN -debit WHEN 'void' THEN -debit ELSE 0 END)
             AS debits_pending,
           sum(CASE phase WHEN 'pending' THEN credit WHEN 'post' THEN -credit WHEN 'void' THEN -credit ELSE 0 END)
             AS credits_pending
      FROM side GROUP BY account_id
  ), moved AS (
    UPDATE ledger_accounts a
       SET debits_posted = a.debits_posted + change.debits_posted,
           credits_posted = a.credits_posted + change.credits_posted,
           debits_pending = a.debits_pending + change.debits_pending,
           credits_pending = a.credits_pending + change.credits_pending
      FROM change WHERE a.id = change.account_id
  ), told AS (
    INSERT INTO events (name, occurred_at, subject_id, data)
    SELECT 'ledger.posted', max(occurred_at), subject_id,
           jsonb_build_object('transfers', jsonb_agg(jsonb_build_array(
             id, debit_account_id, credit_account_id, amount_minor, phase, pending_id, reason) ORDER BY id))
      FROM fresh GROUP BY subject_id
  )
  SELECT count(*) INTO v_posted FROM fresh;

  -- What no constraint of one row can see: that accounts exist, currencies, and that post and void mirror their pending transfer.
  SELECT t.id::text INTO v_bad
    FROM ledger_transfers t
    LEFT JOIN ledger_accounts d ON d.id = t.debit_account_id
    LEFT JOIN ledger_accounts c ON c.id = t.credit_account_id
    LEFT JOIN ledger_transfers p ON p.id = t.pending_id
   WHERE t.id = ANY (p_id)
     AND (d.currency IS DISTINCT FROM t.currency OR c.currency IS DISTINCT FROM t.currency
          OR (t.pending_id IS NOT NULL AND (p.phase IS DISTINCT FROM 'pending' OR p.debit_account_id <> t.debit_account_id
              OR p.credit_account_id <> t.credit_account_id OR p.amount_minor <> t.amount_minor)))
   LIMIT 1;
  IF v_bad IS NOT NULL THEN
    RAISE EXCEPTION 'transfer % differs from its accounts or from its pending transfer', v_bad
      USING ERRCODE = 'FS409';
  END IF;
  RETURN v_posted;
END $$;
