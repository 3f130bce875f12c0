DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'fissile_app') THEN
    CREATE ROLE fissile_app NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
-- next statement
DO $$ BEGIN
  IF NOT pg_has_role(current_user, 'fissile_app', 'MEMBER') THEN
    EXECUTE format('GRANT fissile_app TO %I', current_user);
  END IF;
END $$;
-- next statement
CREATE TABLE audit_log (
	id UUID NOT NULL, 
	actor_id UUID, 
	actor_name TEXT COLLATE "C" NOT NULL, 
	act TEXT COLLATE "C" NOT NULL, 
	subject TEXT COLLATE "C" NOT NULL, 
	detail JSONB NOT NULL, 
	occurred_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT audit_log_pkey PRIMARY KEY (id)
);
-- next statement
COMMENT ON TABLE audit_log IS 'Each administrative act; append-only.';
-- next statement
CREATE TABLE buyer_bindings (
	order_id UUID NOT NULL, 
	member_id UUID NOT NULL, 
	promoter_id UUID NOT NULL, 
	share_id UUID NOT NULL, 
	bound_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	ended_at TIMESTAMP WITH TIME ZONE, 
	ended_by UUID, 
	end_reason TEXT COLLATE "C" DEFAULT '' NOT NULL, 
	CONSTRAINT buyer_bindings_pkey PRIMARY KEY (order_id), 
	CONSTRAINT buyer_bindings_two_people_check CHECK (member_id <> promoter_id), 
	CONSTRAINT buyer_bindings_ended_check CHECK ((ended_at IS NULL) = (end_reason = ''))
);
-- next statement
CREATE INDEX buyer_bindings_bound_at_idx ON buyer_bindings (bound_at, order_id);
-- next statement
CREATE UNIQUE INDEX buyer_bindings_member_id_key ON buyer_bindings (member_id) WHERE ended_at IS NULL;
-- next statement
COMMENT ON TABLE buyer_bindings IS 'A buyer''s lasting tie to a promoter; kept when policies change, used only where one says so.';
-- next statement
CREATE TABLE carts (
	owner_id UUID NOT NULL, 
	is_member BOOLEAN NOT NULL, 
	revision BIGINT NOT NULL, 
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT carts_pkey PRIMARY KEY (owner_id), 
	CONSTRAINT carts_revision_check CHECK (revision > 0)
);
-- next statement
CREATE INDEX carts_left_idx ON carts (changed_at) WHERE NOT is_member;
-- next statement
CREATE TABLE categories (
	id UUID NOT NULL, 
	parent_id UUID, 
	name TEXT COLLATE "C" NOT NULL, 
	path TEXT COLLATE "C" NOT NULL, 
	sort_key TEXT COLLATE "C" NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT categories_pkey PRIMARY KEY (id), 
	CONSTRAINT categories_parent_id_fkey FOREIGN KEY(parent_id) REFERENCES categories (id), 
	CONSTRAINT categories_path_key UNIQUE (path)
);
-- next statement
CREATE TABLE commission_plan_versions (
	id UUID NOT NULL, 
	scope TEXT COLLATE "C" NOT NULL, 
	scope_id UUID, 
	version BIGINT NOT NULL, 
	kind TEXT COLLATE "C" NOT NULL, 
	rate_ppm BIGINT, 
	second_rate_ppm BIGINT, 
	flat_minor BIGINT, 
	cap_minor BIGINT, 
	hold_seconds BIGINT NOT NULL, 
	state TEXT COLLATE "C" NOT NULL, 
	made_by UUID, 
	valid_from TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT commission_plan_versions_pkey PRIMARY KEY (id), 
	CONSTRAINT commission_plan_versions_scope_check CHECK (scope IN ('platform', 'merchant', 'category', 'product')), 
	CONSTRAINT commission_plan_versions_scope_id_check CHECK ((scope = 'platform') = (scope_id IS NULL)), 
	CONSTRAINT commission_plan_versions_kind_check CHECK (kind IN ('percent', 'flat')), 
	CONSTRAINT commission_plan_versions_percent_check CHECK ((kind = 'percent') = (rate_ppm IS NOT NULL)), 
	CONSTRAINT commission_plan_versions_flat_check CHECK ((kind = 'flat') = (flat_minor IS NOT NULL)), 
	CONSTRAINT commission_plan_versions_rate_check CHECK (rate_ppm BETWEEN 0 AND 1000000), 
	CONSTRAINT commission_plan_versions_second_rate_check CHECK (second_rate_ppm BETWEEN 0 AND 1000000), 
	CONSTRAINT commission_plan_versions_sum_check CHECK (rate_ppm + second_rate_ppm <= 1000000), 
	CONSTRAINT commission_plan_versions_flat_minor_check CHECK (flat_minor >= 0), 
	CONSTRAINT commission_plan_versions_cap_check CHECK (cap_minor >= 0), 
	CONSTRAINT commission_plan_versions_hold_check CHECK (hold_seconds >= 0), 
	CONSTRAINT commission_plan_versions_state_check CHECK (state IN ('open', 'ended'))
);
-- next statement
CREATE UNIQUE INDEX commission_plan_versions_scope_key ON commission_plan_versions (scope, scope_id, version) NULLS NOT DISTINCT;
-- next statement
COMMENT ON TABLE commission_plan_versions IS 'A plan is its scope; each change is a new version, the newest decides (if ended, the wider scope does).';
-- next statement
CREATE TABLE event_readers (
	name TEXT COLLATE "C" NOT NULL, 
	low_tx BIGINT NOT NULL, 
	low_position BIGINT NOT NULL, 
	mark_tx BIGINT NOT NULL, 
	mark_position BIGINT NOT NULL, 
	CONSTRAINT event_readers_pkey PRIMARY KEY (name)
);
-- next statement
COMMENT ON TABLE event_readers IS 'How far a reader of events is: every transaction below low_tx was read; see flows/owe_notices.py.';
-- next statement
CREATE TABLE events (
	position BIGINT GENERATED ALWAYS AS IDENTITY, 
	tx xid8 DEFAULT pg_current_xact_id() NOT NULL, 
	name TEXT COLLATE "C" NOT NULL, 
	occurred_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	actor_id UUID, 
	subject_id UUID NOT NULL, 
	data JSONB NOT NULL, 
	CONSTRAINT events_pkey PRIMARY KEY (position)
);
-- next statement
CREATE INDEX events_subject_id_idx ON events (subject_id);
-- next statement
COMMENT ON TABLE events IS 'One row for each change of state; append-only.';
-- next statement
CREATE TABLE gateway_messages (
	gateway TEXT COLLATE "C" NOT NULL, 
	message_id TEXT COLLATE "C" NOT NULL, 
	body_hash BYTEA NOT NULL, 
	kind TEXT COLLATE "C" NOT NULL, 
	outcome TEXT COLLATE "C" NOT NULL, 
	received_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT gateway_messages_pkey PRIMARY KEY (gateway, message_id)
);
-- next statement
COMMENT ON TABLE gateway_messages IS 'Each verified webhook once, with what became of it.';
-- next statement
CREATE TABLE kept_answers (
	scope TEXT COLLATE "C" NOT NULL, 
	key TEXT COLLATE "C" NOT NULL, 
	request_hash BYTEA NOT NULL, 
	answer JSONB NOT NULL, 
	kind TEXT COLLATE "C" NOT NULL, 
	kept_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT kept_answers_pkey PRIMARY KEY (scope, key), 
	CONSTRAINT kept_answers_kind_check CHECK (kind IN ('done', 'refused'))
);
-- next statement
CREATE INDEX kept_answers_kept_at_idx ON kept_answers (kept_at);
-- next statement
COMMENT ON TABLE kept_answers IS 'First answers by idempotency key: ''done'' of flows without a key column, ''refused'' for 30 days.';
-- next statement
CREATE TABLE ledger_accounts (
	id UUID NOT NULL, 
	kind TEXT COLLATE "C" NOT NULL, 
	owner_id UUID, 
	currency TEXT COLLATE "C" NOT NULL, 
	bounded BOOLEAN NOT NULL, 
	debits_posted BIGINT DEFAULT '0' NOT NULL, 
	credits_posted BIGINT DEFAULT '0' NOT NULL, 
	debits_pending BIGINT DEFAULT '0' NOT NULL, 
	credits_pending BIGINT DEFAULT '0' NOT NULL, 
	opened_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT ledger_accounts_pkey PRIMARY KEY (id), 
	CONSTRAINT ledger_accounts_positive_check CHECK (debits_posted >= 0 AND credits_posted >= 0 AND debits_pending >= 0 AND credits_pending >= 0), 
	CONSTRAINT ledger_accounts_bounded_check CHECK (NOT bounded OR debits_posted + debits_pending <= credits_posted)
);
-- next statement
CREATE UNIQUE INDEX ledger_accounts_kind_owner_id_currency_key ON ledger_accounts (kind, owner_id, currency) NULLS NOT DISTINCT;
-- next statement
CREATE TABLE ledger_transfers (
	id UUID NOT NULL, 
	debit_account_id UUID NOT NULL, 
	credit_account_id UUID NOT NULL, 
	amount_minor BIGINT NOT NULL, 
	currency TEXT COLLATE "C" NOT NULL, 
	phase TEXT COLLATE "C" NOT NULL, 
	pending_id UUID, 
	reason TEXT COLLATE "C" NOT NULL, 
	subject_id UUID NOT NULL, 
	idempotency_key TEXT COLLATE "C" NOT NULL, 
	request_hash BYTEA NOT NULL, 
	occurred_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT ledger_transfers_pkey PRIMARY KEY (id), 
	CONSTRAINT ledger_transfers_amount_check CHECK (amount_minor > 0), 
	CONSTRAINT ledger_transfers_accounts_check CHECK (debit_account_id <> credit_account_id), 
	CONSTRAINT ledger_transfers_phase_check CHECK (phase IN ('single', 'pending', 'post', 'void')), 
	CONSTRAINT ledger_transfers_pending_check CHECK ((phase IN ('post', 'void')) = (pending_id IS NOT NULL)), 
	CONSTRAINT ledger_transfers_pending_id_key UNIQUE (pending_id), 
	CONSTRAINT ledger_transfers_idempotency_key_key UNIQUE (idempotency_key)
);
-- next statement
CREATE INDEX ledger_transfers_credit_account_id_idx ON ledger_transfers (credit_account_id, occurred_at);
-- next statement
CREATE INDEX ledger_transfers_debit_account_id_idx ON ledger_transfers (debit_account_id, occurred_at);
-- next statement
CREATE INDEX ledger_transfers_subject_id_idx ON ledger_transfers (subject_id);
-- next statement
COMMENT ON TABLE ledger_transfers IS 'single: at once; pending: held; post and void: what became of a pending one. Append-only.';
-- next statement
CREATE TABLE line_proceeds (
	order_id UUID NOT NULL, 
	line_no BIGINT NOT NULL, 
	payee TEXT COLLATE "C" NOT NULL, 
	merchant_id UUID NOT NULL, 
	amount_minor BIGINT NOT NULL, 
	taken_back_minor BIGINT DEFAULT '0' NOT NULL, 
	currency TEXT COLLATE "C" NOT NULL, 
	state TEXT COLLATE "C" NOT NULL, 
	transfer_id UUID NOT NULL, 
	hold_until TIMESTAMP WITH TIME ZONE NOT NULL, 
	released_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT line_proceeds_pkey PRIMARY KEY (order_id, line_no, payee), 
	CONSTRAINT line_proceeds_payee_check CHECK (payee IN ('merchant', 'platform')), 
	CONSTRAINT line_proceeds_amount_check CHECK (amount_minor > 0), 
	CONSTRAINT line_proceeds_state_check CHECK (state IN ('held', 'released', 'taken_back')), 
	CONSTRAINT line_proceeds_taken_back_minor_check CHECK (taken_back_minor >= 0 AND taken_back_minor <= amount_minor), 
	CONSTRAINT line_proceeds_taken_back_whole_check CHECK ((state = 'taken_back') = (taken_back_minor = amount_minor))
);
-- next statement
CREATE INDEX line_proceeds_due_idx ON line_proceeds (hold_until) WHERE state = 'held';
-- next statement
CREATE TABLE machine_opens (
	id UUID NOT NULL, 
	share_id UUID NOT NULL, 
	kind TEXT COLLATE "C" NOT NULL, 
	agent TEXT COLLATE "C" NOT NULL, 
	form TEXT COLLATE "C" NOT NULL, 
	referrer TEXT COLLATE "C" NOT NULL, 
	opened_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT machine_opens_pkey PRIMARY KEY (id), 
	CONSTRAINT machine_opens_kind_check CHECK (kind IN ('preview', 'bot', 'prefetch'))
);
-- next statement
CREATE INDEX machine_opens_opened_at_idx ON machine_opens USING brin (opened_at);
-- next statement
CREATE INDEX machine_opens_share_id_idx ON machine_opens (share_id);
-- next statement
COMMENT ON TABLE machine_opens IS 'Shares that link previews, crawlers and prefetching browsers opened: no visits, no touches.';
-- next statement
CREATE TABLE members (
	id UUID NOT NULL, 
	state TEXT COLLATE "C" NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT members_pkey PRIMARY KEY (id), 
	CONSTRAINT members_state_check CHECK (state IN ('active', 'closed'))
);
-- next statement
CREATE TABLE merchants (
	id UUID NOT NULL, 
	code TEXT COLLATE "C" NOT NULL, 
	name TEXT COLLATE "C" NOT NULL, 
	currency TEXT COLLATE "C" NOT NULL, 
	state TEXT COLLATE "C" NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT merchants_pkey PRIMARY KEY (id), 
	CONSTRAINT merchants_state_check CHECK (state IN ('active', 'closed')), 
	CONSTRAINT merchants_currency_check CHECK (currency ~ '^[A-Z]{3}$'), 
	CONSTRAINT merchants_code_key UNIQUE (code)
);
-- next statement
CREATE TABLE order_lines (
	order_id UUID NOT NULL, 
	line_no BIGINT NOT NULL, 
	sku_id UUID NOT NULL, 
	title TEXT COLLATE "C" NOT NULL, 
	quantity BIGINT NOT NULL, 
	unit_price_minor BIGINT NOT NULL, 
	amount_minor BIGINT NOT NULL, 
	tax_rate_ppm BIGINT NOT NULL, 
	tax_minor BIGINT NOT NULL, 
	sku_version BIGINT NOT NULL, 
	fee_plan_version_id UUID, 
	fee_minor BIGINT NOT NULL, 
	commission_plan_version_id UUID, 
	commission_minor BIGINT NOT NULL, 
	second_commission_minor BIGINT NOT NULL, 
	hold_seconds BIGINT NOT NULL, 
	refunded_minor BIGINT DEFAULT '0' NOT NULL, 
	refunded_quantity BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT order_lines_pkey PRIMARY KEY (order_id, line_no), 
	CONSTRAINT order_lines_quantity_check CHECK (quantity > 0), 
	CONSTRAINT order_lines_refunded_check CHECK (refunded_minor >= 0 AND refunded_minor <= amount_minor), 
	CONSTRAINT order_lines_refunded_quantity_check CHECK (refunded_quantity >= 0 AND refunded_quantity <= quantity), 
	CONSTRAINT order_lines_amount_check CHECK (amount_minor = unit_price_minor * quantity), 
	CONSTRAINT order_lines_tax_check CHECK (tax_rate_ppm >= 0 AND tax_minor >= 0 AND tax_minor <= amount_minor), 
	CONSTRAINT order_lines_parts_check CHECK (fee_minor >= 0 AND commission_minor >= 0 AND second_commission_minor >= 0), 
	CONSTRAINT order_lines_split_check CHECK (fee_minor + commission_minor + second_commission_minor <= amount_minor)
);
-- next statement
CREATE INDEX order_lines_sku_id_idx ON order_lines (sku_id);
-- next statement
CREATE TABLE order_touches (
	order_id UUID NOT NULL, 
	share_id UUID NOT NULL, 
	promoter_id UUID NOT NULL, 
	touched_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	outcome TEXT COLLATE "C" NOT NULL, 
	reason TEXT COLLATE "C" NOT NULL, 
	CONSTRAINT order_touches_pkey PRIMARY KEY (order_id, share_id), 
	CONSTRAINT order_touches_outcome_check CHECK (outcome IN ('won', 'lost')), 
	CONSTRAINT order_touches_reason_check CHECK ((outcome = 'won') = (reason IN ('last_touch', 'first_touch')))
);
-- next statement
CREATE INDEX order_touches_promoter_id_idx ON order_touches (promoter_id);
-- next statement
CREATE UNIQUE INDEX order_touches_winner_key ON order_touches (order_id) WHERE outcome = 'won';
-- next statement
COMMENT ON TABLE order_touches IS 'Written once, with the order; append-only. orders.credit_unkept counts those that were too many.';
-- next statement
CREATE TABLE orders (
	id UUID NOT NULL, 
	merchant_id UUID NOT NULL, 
	member_id UUID, 
	visitor_id UUID NOT NULL, 
	checkout_id UUID, 
	state TEXT COLLATE "C" NOT NULL, 
	currency TEXT COLLATE "C" NOT NULL, 
	goods_minor BIGINT NOT NULL, 
	shipping_minor BIGINT NOT NULL, 
	total_minor BIGINT NOT NULL, 
	refunded_minor BIGINT DEFAULT '0' NOT NULL, 
	shipping_refunded_minor BIGINT DEFAULT '0' NOT NULL, 
	idempotency_scope TEXT COLLATE "C" NOT NULL, 
	idempotency_key TEXT COLLATE "C" NOT NULL, 
	request_hash BYTEA NOT NULL, 
	credit_share_id UUID, 
	credit_promoter_id UUID, 
	second_promoter_id UUID, 
	credit_rule TEXT COLLATE "C" NOT NULL, 
	credit_reason TEXT COLLATE "C" NOT NULL, 
	credit_policy_id UUID, 
	credit_binding_id UUID, 
	credit_unkept JSONB, 
	tracking TEXT COLLATE "C" DEFAULT '' NOT NULL, 
	carrier TEXT COLLATE "C" DEFAULT '' NOT NULL, 
	shipping_terms_id UUID, 
	shipping_zone TEXT COLLATE "C" DEFAULT '' NOT NULL, 
	weight_grams BIGINT DEFAULT '0' NOT NULL, 
	after_sale_days BIGINT DEFAULT '0' NOT NULL, 
	placed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	reserved_until TIMESTAMP WITH TIME ZONE NOT NULL, 
	paid_at TIMESTAMP WITH TIME ZONE, 
	shipped_at TIMESTAMP WITH TIME ZONE, 
	completed_at TIMESTAMP WITH TIME ZONE, 
	closed_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT orders_pkey PRIMARY KEY (id), 
	CONSTRAINT orders_idempotency_scope_idempotency_key_key UNIQUE (idempotency_scope, idempotency_key), 
	CONSTRAINT orders_state_check CHECK (state IN ('placed', 'paid', 'shipped', 'completed', 'cancelled', 'expired', 'refunded')), 
	CONSTRAINT orders_parts_check CHECK (goods_minor >= 0 AND shipping_minor >= 0), 
	CONSTRAINT orders_total_check CHECK (total_minor = goods_minor + shipping_minor), 
	CONSTRAINT orders_refunded_check CHECK (refunded_minor >= 0 AND refunded_minor <= total_minor), 
	CONSTRAINT orders_shipping_refunded_check CHECK (shipping_refunded_minor >= 0 AND shipping_refunded_minor <= shipping_minor), 
	CONSTRAINT orders_credit_check CHECK ((credit_share_id IS NULL) = (credit_promoter_id IS NULL)), 
	CONSTRAINT orders_binding_check CHECK ((credit_binding_id IS NULL) = (credit_reason <> 'binding')), 
	CONSTRAINT orders_second_check CHECK (second_promoter_id IS NULL OR (credit_promoter_id IS NOT NULL AND second_promoter_id <> credit_promoter_id)), 
	CONSTRAINT orders_closed_check CHECK ((state IN ('cancelled', 'expired', 'refunded')) = (closed_at IS NOT NULL)), 
	CONSTRAINT orders_paid_check CHECK (state NOT IN ('paid', 'shipped', 'completed', 'refunded') OR paid_at IS NOT NULL)
);
-- next statement
CREATE INDEX orders_checkout_id_idx ON orders (checkout_id) WHERE checkout_id IS NOT NULL;
-- next statement
CREATE INDEX orders_credit_promoter_id_idx ON orders (credit_promoter_id, placed_at) WHERE credit_promoter_id IS NOT NULL;
-- next statement
CREATE INDEX orders_member_id_idx ON orders (member_id, placed_at) WHERE member_id IS NOT NULL;
-- next statement
CREATE INDEX orders_merchant_id_idx ON orders (merchant_id, placed_at);
-- next statement
CREATE INDEX orders_paid_at_idx ON orders (paid_at) INCLUDE (currency, total_minor) WHERE paid_at IS NOT NULL;
-- next statement
CREATE INDEX orders_reserved_until_idx ON orders (reserved_until) WHERE state = 'placed';
-- next statement
CREATE INDEX orders_shipped_at_idx ON orders (shipped_at) WHERE state = 'shipped';
-- next statement
CREATE INDEX orders_state_idx ON orders (state, placed_at, id);
-- next statement
CREATE TABLE payments (
	id UUID NOT NULL, 
	order_id UUID NOT NULL, 
	gateway TEXT COLLATE "C" NOT NULL, 
	gateway_payment_id TEXT COLLATE "C" NOT NULL, 
	amount_minor BIGINT NOT NULL, 
	currency TEXT COLLATE "C" NOT NULL, 
	outcome TEXT COLLATE "C" NOT NULL, 
	paid_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	received_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT payments_pkey PRIMARY KEY (id), 
	CONSTRAINT payments_gateway_gateway_payment_id_key UNIQUE (gateway, gateway_payment_id), 
	CONSTRAINT payments_amount_check CHECK (amount_minor > 0), 
	CONSTRAINT payments_outcome_check CHECK (outcome IN ('settled', 'late', 'doubled', 'differs'))
);
-- next statement
CREATE INDEX payments_order_id_idx ON payments (order_id);
-- next statement
CREATE UNIQUE INDEX payments_settled_key ON payments (order_id) WHERE outcome = 'settled';
-- next statement
COMMENT ON TABLE payments IS 'Money that arrived. settled pays its order; late, doubled or differing is given back at once.';
-- next statement
CREATE TABLE payout_account_versions (
	id UUID NOT NULL, 
	payee TEXT COLLATE "C" NOT NULL, 
	payee_id UUID NOT NULL, 
	currency TEXT COLLATE "C" NOT NULL, 
	version BIGINT NOT NULL, 
	method TEXT COLLATE "C" NOT NULL, 
	state TEXT COLLATE "C" NOT NULL, 
	made_by UUID, 
	made_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	usable_from TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT payout_account_versions_pkey PRIMARY KEY (id), 
	CONSTRAINT payout_account_versions_payee_payee_id_currency_version_key UNIQUE (payee, payee_id, currency, version), 
	CONSTRAINT payout_account_versions_payee_check CHECK (payee IN ('promoter', 'merchant')), 
	CONSTRAINT payout_account_versions_method_check CHECK (method IN ('file', 'gateway')), 
	CONSTRAINT payout_account_versions_state_check CHECK (state IN ('open', 'closed')), 
	CONSTRAINT payout_account_versions_usable_check CHECK (usable_from >= made_at)
);
-- next statement
COMMENT ON TABLE payout_account_versions IS 'Where payees are paid; each change is a new version, the newest counts.';
-- next statement
CREATE TABLE payout_results (
	sha256 BYTEA NOT NULL, 
	taken_by UUID, 
	taken_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	told JSONB NOT NULL, 
	CONSTRAINT payout_results_pkey PRIMARY KEY (sha256)
);
-- next statement
CREATE TABLE payout_terms (
	id UUID NOT NULL, 
	payee TEXT COLLATE "C" NOT NULL, 
	currency TEXT COLLATE "C" NOT NULL, 
	version BIGINT NOT NULL, 
	rhythm TEXT COLLATE "C" NOT NULL, 
	on_day BIGINT NOT NULL, 
	country TEXT COLLATE "C" NOT NULL, 
	minimum_minor BIGINT NOT NULL, 
	made_by UUID, 
	valid_from TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT payout_terms_pkey PRIMARY KEY (id), 
	CONSTRAINT payout_terms_payee_currency_version_key UNIQUE (payee, currency, version), 
	CONSTRAINT payout_terms_payee_check CHECK (payee IN ('promoter', 'merchant')), 
	CONSTRAINT payout_terms_rhythm_check CHECK (rhythm IN ('week', 'month', 'asked')), 
	CONSTRAINT payout_terms_on_day_check CHECK (on_day BETWEEN 1 AND 31 AND (rhythm <> 'week' OR on_day <= 7)), 
	CONSTRAINT payout_terms_minimum_check CHECK (minimum_minor >= 0)
);
-- next statement
COMMENT ON TABLE payout_terms IS 'When payees are paid and from which amount on; each change is a new version, the newest counts.';
-- next statement
CREATE TABLE pictures (
	id UUID NOT NULL, 
	sha256 BYTEA NOT NULL, 
	media_type TEXT COLLATE "C" NOT NULL, 
	width BIGINT NOT NULL, 
	height BIGINT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pictures_pkey PRIMARY KEY (id), 
	CONSTRAINT pictures_sha256_key UNIQUE (sha256)
);
-- next statement
CREATE UNLOGGED TABLE rate_limit_windows (
	key TEXT COLLATE "C" NOT NULL, 
	hits TIMESTAMP WITH TIME ZONE[] NOT NULL, 
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT rate_limit_windows_pkey PRIMARY KEY (key)
);
-- next statement
COMMENT ON TABLE rate_limit_windows IS 'Sliding windows of sign-in and the like; lost at a crash, which only forgets attempts.';
-- next statement
CREATE TABLE reference_versions (
	name TEXT COLLATE "C" NOT NULL, 
	version BIGINT NOT NULL, 
	CONSTRAINT reference_versions_pkey PRIMARY KEY (name)
);
-- next statement
COMMENT ON TABLE reference_versions IS 'A counter for each set of reference data that decisions are made on (''plans'').';
-- next statement
CREATE TABLE sandbox_payouts (
	item_id UUID NOT NULL, 
	account TEXT COLLATE "C" NOT NULL, 
	amount_minor BIGINT NOT NULL, 
	currency TEXT COLLATE "C" NOT NULL, 
	taken_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT sandbox_payouts_pkey PRIMARY KEY (item_id)
);
-- next statement
COMMENT ON TABLE sandbox_payouts IS 'What the sandbox''s payout side has taken: it stands where a payout gateway''s own database would.';
-- next statement
CREATE TABLE secrets (
	name TEXT COLLATE "C" NOT NULL, 
	value TEXT COLLATE "C" NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT secrets_pkey PRIMARY KEY (name)
);
-- next statement
COMMENT ON TABLE secrets IS 'Keys that sign webhooks, guest links and form tokens.';
-- next statement
CREATE TABLE stock_movements (
	id UUID NOT NULL, 
	sku_id UUID NOT NULL, 
	kind TEXT COLLATE "C" NOT NULL, 
	quantity BIGINT NOT NULL, 
	reason TEXT COLLATE "C" NOT NULL, 
	order_id UUID, 
	actor_id UUID, 
	occurred_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT stock_movements_pkey PRIMARY KEY (id), 
	CONSTRAINT stock_movements_kind_check CHECK (kind IN ('received', 'sold', 'returned', 'corrected')), 
	CONSTRAINT stock_movements_quantity_check CHECK ((kind IN ('received', 'returned') AND quantity > 0) OR (kind = 'sold' AND quantity < 0) OR (kind = 'corrected' AND quantity <> 0)), 
	CONSTRAINT stock_movements_order_check CHECK ((kind IN ('sold', 'returned')) = (order_id IS NOT NULL)), 
	CONSTRAINT stock_movements_reason_check CHECK (kind <> 'corrected' OR reason <> '')
);
-- next statement
CREATE INDEX stock_movements_sku_id_idx ON stock_movements (sku_id, occurred_at);
-- next statement
COMMENT ON TABLE stock_movements IS 'Why stock on hand is what it is; append-only.';
-- next statement
CREATE TABLE visits (
	share_id UUID NOT NULL, 
	visitor_id UUID NOT NULL, 
	window_no BIGINT NOT NULL, 
	id UUID NOT NULL, 
	form TEXT COLLATE "C" NOT NULL, 
	first_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	last_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	opens BIGINT NOT NULL, 
	kind TEXT COLLATE "C" DEFAULT 'person' NOT NULL, 
	referrer TEXT COLLATE "C" DEFAULT '' NOT NULL, 
	device TEXT COLLATE "C" DEFAULT 'unknown' NOT NULL, 
	os TEXT COLLATE "C" DEFAULT '' NOT NULL, 
	browser TEXT COLLATE "C" DEFAULT '' NOT NULL, 
	app TEXT COLLATE "C" DEFAULT '' NOT NULL, 
	CONSTRAINT visits_pkey PRIMARY KEY (share_id, visitor_id, window_no), 
	CONSTRAINT visits_form_check CHECK (form IN ('link', 'code', 'comment', 'poster')), 
	CONSTRAINT visits_opens_check CHECK (opens > 0 AND last_at >= first_at), 
	CONSTRAINT visits_kind_check CHECK (kind IN ('person', 'own'))
);
-- next statement
CREATE INDEX visits_first_at_idx ON visits USING brin (first_at);
-- next statement
CREATE INDEX visits_visitor_id_idx ON visits (visitor_id);
-- next statement
COMMENT ON TABLE visits IS 'Once per visitor and window; last_at is the touch that attribution sees. Machines are in machine_opens.';
-- next statement
CREATE TABLE withholding_versions (
	id UUID NOT NULL, 
	payee TEXT COLLATE "C" NOT NULL, 
	currency TEXT COLLATE "C" NOT NULL, 
	version BIGINT NOT NULL, 
	from_minor BIGINT[] NOT NULL, 
	rate_ppm BIGINT[] NOT NULL, 
	made_by UUID, 
	valid_from TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT withholding_versions_pkey PRIMARY KEY (id), 
	CONSTRAINT withholding_versions_payee_currency_version_key UNIQUE (payee, currency, version), 
	CONSTRAINT withholding_versions_payee_check CHECK (payee IN ('promoter', 'merchant')), 
	CONSTRAINT withholding_versions_brackets_check CHECK (cardinality(from_minor) = cardinality(rate_ppm)), 
	CONSTRAINT withholding_versions_rates_check CHECK (0 <= ALL (from_minor) AND 0 <= ALL (rate_ppm) AND 1000000 > ALL (rate_ppm))
);
-- next statement
COMMENT ON TABLE withholding_versions IS 'What is withheld from payouts, the operator''s data; each change is a new version, the newest counts.';
-- next statement
CREATE TABLE after_sale_requests (
	id UUID NOT NULL, 
	order_id UUID NOT NULL, 
	kind TEXT COLLATE "C" NOT NULL, 
	reason TEXT COLLATE "C" NOT NULL, 
	state TEXT COLLATE "C" NOT NULL, 
	asked_by UUID, 
	asked_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	decided_by UUID, 
	decided_at TIMESTAMP WITH TIME ZONE, 
	answer TEXT COLLATE "C" DEFAULT '' NOT NULL, 
	CONSTRAINT after_sale_requests_pkey PRIMARY KEY (id), 
	CONSTRAINT after_sale_requests_kind_check CHECK (kind IN ('refund', 'return')), 
	CONSTRAINT after_sale_requests_state_check CHECK (state IN ('asked', 'accepted', 'refused', 'withdrawn')), 
	CONSTRAINT after_sale_requests_decided_check CHECK ((state = 'asked') = (decided_at IS NULL)), 
	CONSTRAINT after_sale_requests_order_id_fkey FOREIGN KEY(order_id) REFERENCES orders (id)
);
-- next statement
CREATE UNIQUE INDEX after_sale_requests_open_key ON after_sale_requests (order_id) WHERE state = 'asked';
-- next statement
CREATE INDEX after_sale_requests_order_id_idx ON after_sale_requests (order_id, asked_at);
-- next statement
CREATE TABLE api_keys (
	id UUID NOT NULL, 
	role TEXT COLLATE "C" NOT NULL, 
	scopes TEXT[] COLLATE "C" NOT NULL, 
	member_id UUID, 
	secret_hash BYTEA NOT NULL, 
	name TEXT COLLATE "C" NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	revoked_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT api_keys_pkey PRIMARY KEY (id), 
	CONSTRAINT api_keys_role_check CHECK (role IN ('buyer', 'promoter', 'merchant_staff', 'operator', 'payout_officer', 'reviewer', 'auditor')), 
	CONSTRAINT api_keys_member_id_fkey FOREIGN KEY(member_id) REFERENCES members (id)
);
-- next statement
CREATE INDEX api_keys_member_id_idx ON api_keys (member_id) WHERE member_id IS NOT NULL;
-- next statement
CREATE TABLE attribution_policy_versions (
	id UUID NOT NULL, 
	merchant_id UUID, 
	version BIGINT NOT NULL, 
	model TEXT COLLATE "C" NOT NULL, 
	window_days BIGINT NOT NULL, 
	level TEXT COLLATE "C" NOT NULL, 
	binding TEXT COLLATE "C" NOT NULL, 
	self_purchase BOOLEAN NOT NULL, 
	state TEXT COLLATE "C" NOT NULL, 
	made_by UUID, 
	valid_from TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT attribution_policy_versions_pkey PRIMARY KEY (id), 
	CONSTRAINT attribution_policy_versions_model_check CHECK (model IN ('last_touch', 'first_touch')), 
	CONSTRAINT attribution_policy_versions_window_check CHECK (window_days BETWEEN 1 AND 365), 
	CONSTRAINT attribution_policy_versions_level_check CHECK (level IN ('shop', 'product')), 
	CONSTRAINT attribution_policy_versions_binding_check CHECK (binding IN ('off', 'after', 'before')), 
	CONSTRAINT attribution_policy_versions_state_check CHECK (state IN ('open', 'ended')), 
	CONSTRAINT attribution_policy_versions_ended_check CHECK (state = 'open' OR merchant_id IS NOT NULL), 
	CONSTRAINT attribution_policy_versions_merchant_id_fkey FOREIGN KEY(merchant_id) REFERENCES merchants (id)
);
-- next statement
CREATE UNIQUE INDEX attribution_policy_versions_merchant_id_version_key ON attribution_policy_versions (merchant_id, version) NULLS NOT DISTINCT;
-- next statement
COMMENT ON TABLE attribution_policy_versions IS 'Each change is a new version, the newest decides; a merchant''s ended one leaves it to everyone''s.';
-- next statement
CREATE TABLE channels (
	id UUID NOT NULL, 
	promoter_id UUID NOT NULL, 
	kind TEXT COLLATE "C" NOT NULL, 
	network TEXT COLLATE "C" NOT NULL, 
	handle TEXT COLLATE "C" NOT NULL, 
	handle_key TEXT COLLATE "C" NOT NULL, 
	name TEXT COLLATE "C" NOT NULL, 
	tags TEXT[] COLLATE "C" NOT NULL, 
	size BIGINT, 
	state TEXT COLLATE "C" NOT NULL, 
	owner_id UUID, 
	notes TEXT COLLATE "C" NOT NULL, 
	search TSVECTOR NOT NULL, 
	search_text TEXT COLLATE "C" NOT NULL, 
	version BIGINT DEFAULT '1' NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT channels_pkey PRIMARY KEY (id), 
	CONSTRAINT channels_promoter_id_kind_network_handle_key_key UNIQUE (promoter_id, kind, network, handle_key), 
	CONSTRAINT channels_kind_check CHECK (kind IN ('account', 'community')), 
	CONSTRAINT channels_state_check CHECK (state IN ('active', 'resting', 'blocked', 'closed')), 
	CONSTRAINT channels_name_check CHECK (name <> '' AND handle <> ''), 
	CONSTRAINT channels_size_check CHECK (size >= 0), 
	CONSTRAINT channels_owner_check CHECK (owner_id IS NULL OR kind = 'community'), 
	CONSTRAINT channels_promoter_id_fkey FOREIGN KEY(promoter_id) REFERENCES members (id)
);
-- next statement
CREATE INDEX channels_promoter_id_idx ON channels (promoter_id, id);
-- next statement
CREATE INDEX channels_search_idx ON channels USING gin (search);
-- next statement
COMMENT ON TABLE channels IS 'Personal as a whole: handles and names stand nowhere else, and rows can be erased.';
-- next statement
CREATE TABLE fee_plan_versions (
	id UUID NOT NULL, 
	merchant_id UUID, 
	version BIGINT NOT NULL, 
	rate_ppm BIGINT NOT NULL, 
	made_by UUID, 
	valid_from TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT fee_plan_versions_pkey PRIMARY KEY (id), 
	CONSTRAINT fee_plan_versions_rate_check CHECK (rate_ppm BETWEEN 0 AND 1000000), 
	CONSTRAINT fee_plan_versions_merchant_id_fkey FOREIGN KEY(merchant_id) REFERENCES merchants (id)
);
-- next statement
CREATE UNIQUE INDEX fee_plan_versions_merchant_id_version_key ON fee_plan_versions (merchant_id, version) NULLS NOT DISTINCT;
-- next statement
CREATE TABLE invoice_series (
	merchant_id UUID NOT NULL, 
	year BIGINT NOT NULL, 
	kind TEXT COLLATE "C" NOT NULL, 
	last_number BIGINT NOT NULL, 
	CONSTRAINT invoice_series_pkey PRIMARY KEY (merchant_id, year, kind), 
	CONSTRAINT invoice_series_kind_check CHECK (kind IN ('invoice', 'credit_note')), 
	CONSTRAINT invoice_series_last_number_check CHECK (last_number > 0), 
	CONSTRAINT invoice_series_merchant_id_fkey FOREIGN KEY(merchant_id) REFERENCES merchants (id)
);
-- next statement
COMMENT ON TABLE invoice_series IS 'The last number taken; the row is locked until the document that took it is written, or nothing is.';
-- next statement
CREATE TABLE member_addresses (
	id UUID NOT NULL, 
	member_id UUID NOT NULL, 
	slot BIGINT NOT NULL, 
	name TEXT COLLATE "C" NOT NULL, 
	phone TEXT COLLATE "C" NOT NULL, 
	email TEXT COLLATE "C" NOT NULL, 
	country TEXT COLLATE "C" NOT NULL, 
	region TEXT COLLATE "C" NOT NULL, 
	city TEXT COLLATE "C" NOT NULL, 
	street TEXT COLLATE "C" NOT NULL, 
	postcode TEXT COLLATE "C" NOT NULL, 
	is_default BOOLEAN NOT NULL, 
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT member_addresses_pkey PRIMARY KEY (id), 
	CONSTRAINT member_addresses_member_id_slot_key UNIQUE (member_id, slot), 
	CONSTRAINT member_addresses_slot_check CHECK (slot BETWEEN 1 AND 20), 
	CONSTRAINT member_addresses_country_check CHECK (country ~ '^[A-Z]{2}$'), 
	CONSTRAINT member_addresses_member_id_fkey FOREIGN KEY(member_id) REFERENCES members (id)
);
-- next statement
CREATE UNIQUE INDEX member_addresses_default_key ON member_addresses (member_id) WHERE is_default;
-- next statement
CREATE TABLE member_logins (
	member_id UUID NOT NULL, 
	email TEXT COLLATE "C" NOT NULL, 
	password_hash TEXT COLLATE "C" NOT NULL, 
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT member_logins_pkey PRIMARY KEY (member_id), 
	CONSTRAINT member_logins_lower_check CHECK (email = lower(email)), 
	CONSTRAINT member_logins_member_id_fkey FOREIGN KEY(member_id) REFERENCES members (id), 
	CONSTRAINT member_logins_email_key UNIQUE (email)
);
-- next statement
CREATE TABLE member_profiles (
	member_id UUID NOT NULL, 
	display_name TEXT COLLATE "C" NOT NULL, 
	locale TEXT COLLATE "C" NOT NULL, 
	CONSTRAINT member_profiles_pkey PRIMARY KEY (member_id), 
	CONSTRAINT member_profiles_member_id_fkey FOREIGN KEY(member_id) REFERENCES members (id)
);
-- next statement
CREATE TABLE member_proofs (
	id UUID NOT NULL, 
	member_id UUID NOT NULL, 
	purpose TEXT COLLATE "C" NOT NULL, 
	email TEXT COLLATE "C" NOT NULL, 
	made_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	used_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT member_proofs_pkey PRIMARY KEY (id), 
	CONSTRAINT member_proofs_purpose_check CHECK (purpose IN ('email', 'password')), 
	CONSTRAINT member_proofs_member_id_fkey FOREIGN KEY(member_id) REFERENCES members (id)
);
-- next statement
CREATE INDEX member_proofs_member_id_idx ON member_proofs (member_id);
-- next statement
COMMENT ON TABLE member_proofs IS 'Links in mails, each good once: only their signature, made with a secret, opens them.';
-- next statement
CREATE TABLE member_roles (
	member_id UUID NOT NULL, 
	role TEXT COLLATE "C" NOT NULL, 
	merchant_id UUID, 
	granted_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT member_roles_pkey PRIMARY KEY (member_id, role), 
	CONSTRAINT member_roles_role_check CHECK (role IN ('buyer', 'promoter', 'merchant_staff', 'operator', 'payout_officer', 'reviewer', 'auditor')), 
	CONSTRAINT member_roles_merchant_check CHECK ((role = 'merchant_staff') = (merchant_id IS NOT NULL)), 
	CONSTRAINT member_roles_member_id_fkey FOREIGN KEY(member_id) REFERENCES members (id), 
	CONSTRAINT member_roles_merchant_id_fkey FOREIGN KEY(merchant_id) REFERENCES merchants (id)
);
-- next statement
CREATE TABLE notices (
	id UUID NOT NULL, 
	key TEXT COLLATE "C" NOT NULL, 
	kind TEXT COLLATE "C" NOT NULL, 
	member_id UUID, 
	subject_id UUID, 
	data JSONB NOT NULL, 
	owed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	read_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT notices_pkey PRIMARY KEY (id), 
	CONSTRAINT notices_key_key UNIQUE (key), 
	CONSTRAINT notices_member_id_fkey FOREIGN KEY(member_id) REFERENCES members (id)
);
-- next statement
CREATE INDEX notices_member_id_idx ON notices (member_id, id) WHERE member_id IS NOT NULL;
-- next statement
CREATE INDEX notices_unread_idx ON notices (member_id) WHERE read_at IS NULL AND member_id IS NOT NULL;
-- next statement
COMMENT ON TABLE notices IS 'What somebody is owed to be told; members see it in their inbox.';
-- next statement
CREATE TABLE order_contacts (
	order_id UUID NOT NULL, 
	name TEXT COLLATE "C" NOT NULL, 
	phone TEXT COLLATE "C" NOT NULL, 
	email TEXT COLLATE "C" NOT NULL, 
	address TEXT COLLATE "C" NOT NULL, 
	CONSTRAINT order_contacts_pkey PRIMARY KEY (order_id), 
	CONSTRAINT order_contacts_order_id_fkey FOREIGN KEY(order_id) REFERENCES orders (id)
);
-- next statement
CREATE TABLE payout_account_details (
	version_id UUID NOT NULL, 
	holder TEXT COLLATE "C" NOT NULL, 
	bank TEXT COLLATE "C" NOT NULL, 
	number TEXT COLLATE "C" NOT NULL, 
	CONSTRAINT payout_account_details_pkey PRIMARY KEY (version_id), 
	CONSTRAINT payout_account_details_version_id_fkey FOREIGN KEY(version_id) REFERENCES payout_account_versions (id)
);
-- next statement
CREATE TABLE payout_batches (
	id UUID NOT NULL, 
	currency TEXT COLLATE "C" NOT NULL, 
	state TEXT COLLATE "C" NOT NULL, 
	made_by UUID, 
	approved_by UUID, 
	idempotency_key TEXT COLLATE "C" NOT NULL, 
	made_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	taken_at TIMESTAMP WITH TIME ZONE, 
	approved_at TIMESTAMP WITH TIME ZONE, 
	paid_at TIMESTAMP WITH TIME ZONE, 
	dropped_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT payout_batches_pkey PRIMARY KEY (id), 
	CONSTRAINT payout_batches_state_check CHECK (state IN ('proposed', 'made', 'approved', 'paid', 'dropped')), 
	CONSTRAINT payout_batches_two_people_check CHECK (approved_by <> made_by), 
	CONSTRAINT payout_batches_maker_check CHECK (made_by IS NOT NULL OR state IN ('proposed', 'dropped')), 
	CONSTRAINT payout_batches_proposed_check CHECK (state <> 'proposed' OR made_by IS NULL), 
	CONSTRAINT payout_batches_approved_check CHECK ((state IN ('approved', 'paid')) = (approved_by IS NOT NULL AND approved_at IS NOT NULL)), 
	CONSTRAINT payout_batches_paid_check CHECK ((state = 'paid') = (paid_at IS NOT NULL)), 
	CONSTRAINT payout_batches_dropped_check CHECK ((state = 'dropped') = (dropped_at IS NOT NULL)), 
	CONSTRAINT payout_batches_made_by_fkey FOREIGN KEY(made_by) REFERENCES members (id), 
	CONSTRAINT payout_batches_approved_by_fkey FOREIGN KEY(approved_by) REFERENCES members (id), 
	CONSTRAINT payout_batches_idempotency_key_key UNIQUE (idempotency_key)
);
-- next statement
CREATE TABLE picture_files (
	picture_id UUID NOT NULL, 
	size TEXT COLLATE "C" NOT NULL, 
	content BYTEA NOT NULL, 
	CONSTRAINT picture_files_pkey PRIMARY KEY (picture_id, size), 
	CONSTRAINT picture_files_size_check CHECK (size IN ('original', 'page', 'card', 'thumb')), 
	CONSTRAINT picture_files_picture_id_fkey FOREIGN KEY(picture_id) REFERENCES pictures (id)
);
-- next statement
COMMENT ON TABLE picture_files IS 'original as uploaded; page at most 960, card 480, thumb 160 pixels a side, JPEG.';
-- next statement
CREATE TABLE products (
	id UUID NOT NULL, 
	merchant_id UUID NOT NULL, 
	category_id UUID, 
	code TEXT COLLATE "C" NOT NULL, 
	title TEXT COLLATE "C" NOT NULL, 
	description TEXT COLLATE "C" NOT NULL, 
	state TEXT COLLATE "C" NOT NULL, 
	sort_key TEXT COLLATE "C" NOT NULL, 
	search TSVECTOR NOT NULL, 
	search_text TEXT COLLATE "C" NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	tax_rate_ppm BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT products_pkey PRIMARY KEY (id), 
	CONSTRAINT products_merchant_id_code_key UNIQUE (merchant_id, code), 
	CONSTRAINT products_state_check CHECK (state IN ('listed', 'unlisted')), 
	CONSTRAINT products_tax_rate_check CHECK (tax_rate_ppm BETWEEN 0 AND 1000000), 
	CONSTRAINT products_merchant_id_fkey FOREIGN KEY(merchant_id) REFERENCES merchants (id), 
	CONSTRAINT products_category_id_fkey FOREIGN KEY(category_id) REFERENCES categories (id)
);
-- next statement
CREATE INDEX products_all_idx ON products (sort_key, id);
-- next statement
CREATE INDEX products_category_id_idx ON products (category_id, sort_key, id);
-- next statement
CREATE INDEX products_merchant_id_idx ON products (merchant_id, sort_key, id);
-- next statement
CREATE INDEX products_search_idx ON products USING gin (search);
-- next statement
CREATE INDEX products_sort_key_idx ON products (sort_key, id) WHERE state = 'listed';
-- next statement
CREATE TABLE promoter_invitations (
	id UUID NOT NULL, 
	promoter_id UUID NOT NULL, 
	made_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT promoter_invitations_pkey PRIMARY KEY (id), 
	CONSTRAINT promoter_invitations_promoter_id_key UNIQUE (promoter_id), 
	CONSTRAINT promoter_invitations_promoter_id_fkey FOREIGN KEY(promoter_id) REFERENCES members (id)
);
-- next statement
COMMENT ON TABLE promoter_invitations IS 'The one invitation of a promoter; its public id is the code in the link.';
-- next statement
CREATE TABLE promoter_inviters (
	member_id UUID NOT NULL, 
	inviter_id UUID NOT NULL, 
	via TEXT COLLATE "C" NOT NULL, 
	decided_by UUID, 
	invited_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT promoter_inviters_pkey PRIMARY KEY (member_id), 
	CONSTRAINT promoter_inviters_self_check CHECK (member_id <> inviter_id), 
	CONSTRAINT promoter_inviters_via_check CHECK (via IN ('invitation', 'operator')), 
	CONSTRAINT promoter_inviters_decided_check CHECK ((via = 'operator') = (decided_by IS NOT NULL)), 
	CONSTRAINT promoter_inviters_member_id_fkey FOREIGN KEY(member_id) REFERENCES members (id), 
	CONSTRAINT promoter_inviters_inviter_id_fkey FOREIGN KEY(inviter_id) REFERENCES members (id)
);
-- next statement
CREATE INDEX promoter_inviters_inviter_id_idx ON promoter_inviters (inviter_id);
-- next statement
COMMENT ON TABLE promoter_inviters IS 'Who invited a promoter: set once, append-only; a trigger refuses cycles.';
-- next statement
CREATE TABLE refunds (
	id UUID NOT NULL, 
	order_id UUID NOT NULL, 
	payment_id UUID NOT NULL, 
	amount_minor BIGINT NOT NULL, 
	currency TEXT COLLATE "C" NOT NULL, 
	reason TEXT COLLATE "C" NOT NULL, 
	requested_by UUID, 
	state TEXT COLLATE "C" NOT NULL, 
	idempotency_key TEXT COLLATE "C" NOT NULL, 
	request_hash BYTEA, 
	posted_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	returned_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT refunds_pkey PRIMARY KEY (id), 
	CONSTRAINT refunds_amount_check CHECK (amount_minor > 0), 
	CONSTRAINT refunds_state_check CHECK (state IN ('posted', 'returned')), 
	CONSTRAINT refunds_returned_check CHECK ((state = 'returned') = (returned_at IS NOT NULL)), 
	CONSTRAINT refunds_order_id_fkey FOREIGN KEY(order_id) REFERENCES orders (id), 
	CONSTRAINT refunds_payment_id_fkey FOREIGN KEY(payment_id) REFERENCES payments (id), 
	CONSTRAINT refunds_idempotency_key_key UNIQUE (idempotency_key)
);
-- next statement
CREATE INDEX refunds_order_id_idx ON refunds (order_id);
-- next statement
CREATE INDEX refunds_owed_idx ON refunds (posted_at) WHERE state = 'posted';
-- next statement
CREATE INDEX refunds_posted_at_idx ON refunds (posted_at, id);
-- next statement
COMMENT ON TABLE refunds IS 'posted: owed to the buyer in the ledger; returned: the gateway said that the money is back.';
-- next statement
CREATE TABLE sessions (
	token_hash BYTEA NOT NULL, 
	member_id UUID NOT NULL, 
	form_secret TEXT COLLATE "C" NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT sessions_pkey PRIMARY KEY (token_hash), 
	CONSTRAINT sessions_member_id_fkey FOREIGN KEY(member_id) REFERENCES members (id)
);
-- next statement
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);
-- next statement
CREATE INDEX sessions_member_id_idx ON sessions (member_id);
-- next statement
CREATE TABLE shares (
	id UUID NOT NULL, 
	token TEXT COLLATE "C" NOT NULL, 
	promoter_id UUID NOT NULL, 
	target_kind TEXT COLLATE "C" NOT NULL, 
	target_id UUID NOT NULL, 
	channel TEXT COLLATE "C" NOT NULL, 
	channel_kind TEXT COLLATE "C" DEFAULT 'none' NOT NULL, 
	channel_id UUID, 
	state TEXT COLLATE "C" NOT NULL, 
	version BIGINT DEFAULT '1' NOT NULL, 
	idempotency_key TEXT COLLATE "C" NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	expires_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT shares_pkey PRIMARY KEY (id), 
	CONSTRAINT shares_target_kind_check CHECK (target_kind IN ('product', 'shop')), 
	CONSTRAINT shares_state_check CHECK (state IN ('active', 'paused', 'revoked')), 
	CONSTRAINT shares_channel_kind_check CHECK (channel_kind IN ('account', 'community', 'offline', 'none')), 
	CONSTRAINT shares_channel_check CHECK ((channel_kind IN ('account', 'community')) = (channel_id IS NOT NULL)), 
	CONSTRAINT shares_token_key UNIQUE (token), 
	CONSTRAINT shares_promoter_id_fkey FOREIGN KEY(promoter_id) REFERENCES members (id), 
	CONSTRAINT shares_idempotency_key_key UNIQUE (idempotency_key)
);
-- next statement
CREATE INDEX shares_channel_id_idx ON shares (channel_id);
-- next statement
CREATE INDEX shares_promoter_id_idx ON shares (promoter_id, created_at);
-- next statement
CREATE TABLE shipping_terms (
	id UUID NOT NULL, 
	merchant_id UUID NOT NULL, 
	version BIGINT NOT NULL, 
	zones JSONB NOT NULL, 
	after_sale_days BIGINT, 
	made_by UUID, 
	valid_from TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT shipping_terms_pkey PRIMARY KEY (id), 
	CONSTRAINT shipping_terms_merchant_id_version_key UNIQUE (merchant_id, version), 
	CONSTRAINT shipping_terms_after_sale_days_check CHECK (after_sale_days BETWEEN 0 AND 365), 
	CONSTRAINT shipping_terms_zones_check CHECK (jsonb_typeof(zones) = 'array' AND jsonb_array_length(zones) > 0), 
	CONSTRAINT shipping_terms_merchant_id_fkey FOREIGN KEY(merchant_id) REFERENCES merchants (id)
);
-- next statement
COMMENT ON TABLE shipping_terms IS 'Each change is a new version, the newest decides; an order names the version that priced it.';
-- next statement
CREATE TABLE statements (
	id UUID NOT NULL, 
	account_id UUID NOT NULL, 
	currency TEXT COLLATE "C" NOT NULL, 
	period_start TIMESTAMP WITH TIME ZONE NOT NULL, 
	period_end TIMESTAMP WITH TIME ZONE NOT NULL, 
	opening_minor BIGINT NOT NULL, 
	closing_minor BIGINT NOT NULL, 
	line_count BIGINT NOT NULL, 
	previous_seal TEXT COLLATE "C" NOT NULL, 
	seal TEXT COLLATE "C" NOT NULL, 
	sealed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT statements_pkey PRIMARY KEY (id), 
	CONSTRAINT statements_account_id_period_start_key UNIQUE (account_id, period_start), 
	CONSTRAINT statements_period_check CHECK (period_end > period_start AND sealed_at >= period_end), 
	CONSTRAINT statements_lines_check CHECK (line_count >= 0), 
	CONSTRAINT statements_account_id_fkey FOREIGN KEY(account_id) REFERENCES ledger_accounts (id), 
	CONSTRAINT statements_seal_key UNIQUE (seal)
);
-- next statement
COMMENT ON TABLE statements IS 'What moved on a promoter''s or merchant''s account in a month; append-only.';
-- next statement
CREATE TABLE visitor_members (
	visitor_id UUID NOT NULL, 
	member_id UUID NOT NULL, 
	tied_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT visitor_members_pkey PRIMARY KEY (visitor_id, member_id), 
	CONSTRAINT visitor_members_member_id_fkey FOREIGN KEY(member_id) REFERENCES members (id)
);
-- next statement
CREATE INDEX visitor_members_member_id_idx ON visitor_members (member_id);
-- next statement
CREATE TABLE invoices (
	id UUID NOT NULL, 
	kind TEXT COLLATE "C" NOT NULL, 
	merchant_id UUID NOT NULL, 
	year BIGINT NOT NULL, 
	number BIGINT NOT NULL, 
	order_id UUID NOT NULL, 
	refund_id UUID, 
	invoice_id UUID, 
	currency TEXT COLLATE "C" NOT NULL, 
	total_minor BIGINT NOT NULL, 
	content TEXT COLLATE "C" NOT NULL, 
	issued_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT invoices_pkey PRIMARY KEY (id), 
	CONSTRAINT invoices_merchant_id_year_kind_number_key UNIQUE (merchant_id, year, kind, number), 
	CONSTRAINT invoices_kind_check CHECK (kind IN ('invoice', 'credit_note')), 
	CONSTRAINT invoices_number_check CHECK (number > 0 AND total_minor >= 0), 
	CONSTRAINT invoices_refund_check CHECK ((kind = 'credit_note') = (refund_id IS NOT NULL)), 
	CONSTRAINT invoices_corrects_check CHECK ((kind = 'credit_note') = (invoice_id IS NOT NULL)), 
	CONSTRAINT invoices_year_check CHECK (year = extract(year FROM issued_at AT TIME ZONE 'UTC')), 
	CONSTRAINT invoices_merchant_id_fkey FOREIGN KEY(merchant_id) REFERENCES merchants (id), 
	CONSTRAINT invoices_order_id_fkey FOREIGN KEY(order_id) REFERENCES orders (id), 
	CONSTRAINT invoices_refund_id_key UNIQUE (refund_id), 
	CONSTRAINT invoices_refund_id_fkey FOREIGN KEY(refund_id) REFERENCES refunds (id), 
	CONSTRAINT invoices_invoice_id_fkey FOREIGN KEY(invoice_id) REFERENCES invoices (id)
);
-- next statement
CREATE INDEX invoices_merchant_id_idx ON invoices (merchant_id, id);
-- next statement
CREATE INDEX invoices_order_id_idx ON invoices (order_id);
-- next statement
CREATE UNIQUE INDEX invoices_order_key ON invoices (order_id) WHERE kind = 'invoice';
-- next statement
COMMENT ON TABLE invoices IS 'Invoices of orders and credit notes of refunds, frozen at issue; append-only.';
-- next statement
CREATE TABLE notice_mails (
	notice_id UUID NOT NULL, 
	address TEXT COLLATE "C" NOT NULL, 
	locale TEXT COLLATE "C" NOT NULL, 
	state TEXT COLLATE "C" NOT NULL, 
	attempts BIGINT DEFAULT '0' NOT NULL, 
	unknowns BIGINT DEFAULT '0' NOT NULL, 
	due_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	claimed_at TIMESTAMP WITH TIME ZONE, 
	ended_at TIMESTAMP WITH TIME ZONE, 
	reply TEXT COLLATE "C" DEFAULT '' NOT NULL, 
	CONSTRAINT notice_mails_pkey PRIMARY KEY (notice_id), 
	CONSTRAINT notice_mails_state_check CHECK (state IN ('owed', 'sending', 'sent', 'refused', 'given_up', 'erased')), 
	CONSTRAINT notice_mails_claimed_check CHECK ((state = 'sending') = (claimed_at IS NOT NULL)), 
	CONSTRAINT notice_mails_ended_check CHECK ((state IN ('owed', 'sending')) = (ended_at IS NULL)), 
	CONSTRAINT notice_mails_notice_id_fkey FOREIGN KEY(notice_id) REFERENCES notices (id)
);
-- next statement
CREATE INDEX notice_mails_due_at_idx ON notice_mails (due_at) WHERE state IN ('owed', 'sending');
-- next statement
COMMENT ON TABLE notice_mails IS 'The mail of a notice: owed, sending (claimed by a worker), and how it ended.';
-- next statement
CREATE TABLE payout_files (
	id UUID NOT NULL, 
	batch_id UUID NOT NULL, 
	bank TEXT COLLATE "C" NOT NULL, 
	items BIGINT NOT NULL, 
	total_minor BIGINT NOT NULL, 
	sha256 BYTEA NOT NULL, 
	made_by UUID, 
	made_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT payout_files_pkey PRIMARY KEY (id), 
	CONSTRAINT payout_files_batch_id_bank_key UNIQUE (batch_id, bank), 
	CONSTRAINT payout_files_sums_check CHECK (items > 0 AND total_minor > 0), 
	CONSTRAINT payout_files_batch_id_fkey FOREIGN KEY(batch_id) REFERENCES payout_batches (id)
);
-- next statement
CREATE TABLE payout_items (
	id UUID NOT NULL, 
	batch_id UUID NOT NULL, 
	payee TEXT COLLATE "C" NOT NULL, 
	payee_id UUID NOT NULL, 
	amount_minor BIGINT NOT NULL, 
	currency TEXT COLLATE "C" NOT NULL, 
	transfer_id UUID NOT NULL, 
	withheld_minor BIGINT DEFAULT '0' NOT NULL, 
	withholding_id UUID, 
	withholding_transfer_id UUID, 
	account_version_id UUID, 
	method TEXT COLLATE "C" DEFAULT 'hand' NOT NULL, 
	CONSTRAINT payout_items_pkey PRIMARY KEY (id), 
	CONSTRAINT payout_items_batch_id_payee_id_key UNIQUE (batch_id, payee_id), 
	CONSTRAINT payout_items_payee_check CHECK (payee IN ('promoter', 'merchant')), 
	CONSTRAINT payout_items_amount_check CHECK (amount_minor > 0), 
	CONSTRAINT payout_items_withheld_check CHECK (withheld_minor >= 0 AND withheld_minor < amount_minor), 
	CONSTRAINT payout_items_withholding_check CHECK ((withheld_minor > 0) = (withholding_transfer_id IS NOT NULL)), 
	CONSTRAINT payout_items_method_check CHECK (method IN ('hand', 'file', 'gateway')), 
	CONSTRAINT payout_items_account_check CHECK ((method = 'hand') = (account_version_id IS NULL)), 
	CONSTRAINT payout_items_batch_id_fkey FOREIGN KEY(batch_id) REFERENCES payout_batches (id), 
	CONSTRAINT payout_items_transfer_id_fkey FOREIGN KEY(transfer_id) REFERENCES ledger_transfers (id), 
	CONSTRAINT payout_items_withholding_id_fkey FOREIGN KEY(withholding_id) REFERENCES withholding_versions (id), 
	CONSTRAINT payout_items_withholding_transfer_id_fkey FOREIGN KEY(withholding_transfer_id) REFERENCES ledger_transfers (id), 
	CONSTRAINT payout_items_account_version_id_fkey FOREIGN KEY(account_version_id) REFERENCES payout_account_versions (id)
);
-- next statement
CREATE INDEX payout_items_payee_id_idx ON payout_items (payee_id);
-- next statement
CREATE TABLE payout_runs (
	payee TEXT COLLATE "C" NOT NULL, 
	currency TEXT COLLATE "C" NOT NULL, 
	day DATE NOT NULL, 
	terms_id UUID NOT NULL, 
	batch_id UUID, 
	ran_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT payout_runs_pkey PRIMARY KEY (payee, currency, day), 
	CONSTRAINT payout_runs_terms_id_fkey FOREIGN KEY(terms_id) REFERENCES payout_terms (id), 
	CONSTRAINT payout_runs_batch_id_fkey FOREIGN KEY(batch_id) REFERENCES payout_batches (id)
);
-- next statement
COMMENT ON TABLE payout_runs IS 'Each scheduled day that was run, once, also where nobody was due.';
-- next statement
CREATE TABLE product_pictures (
	product_id UUID NOT NULL, 
	position BIGINT NOT NULL, 
	picture_id UUID NOT NULL, 
	CONSTRAINT product_pictures_pkey PRIMARY KEY (product_id, position), 
	CONSTRAINT product_pictures_product_id_fkey FOREIGN KEY(product_id) REFERENCES products (id), 
	CONSTRAINT product_pictures_picture_id_fkey FOREIGN KEY(picture_id) REFERENCES pictures (id)
);
-- next statement
CREATE TABLE refund_lines (
	refund_id UUID NOT NULL, 
	line_no BIGINT NOT NULL, 
	amount_minor BIGINT NOT NULL, 
	quantity BIGINT NOT NULL, 
	returned_quantity BIGINT NOT NULL, 
	CONSTRAINT refund_lines_pkey PRIMARY KEY (refund_id, line_no), 
	CONSTRAINT refund_lines_amount_check CHECK (amount_minor >= 0 AND quantity >= 0 AND amount_minor + quantity > 0), 
	CONSTRAINT refund_lines_returned_check CHECK (returned_quantity >= 0 AND returned_quantity <= quantity), 
	CONSTRAINT refund_lines_shipping_check CHECK (line_no > 0 OR quantity = 0), 
	CONSTRAINT refund_lines_refund_id_fkey FOREIGN KEY(refund_id) REFERENCES refunds (id)
);
-- next statement
COMMENT ON TABLE refund_lines IS 'What a refund gives back of each line; append-only.';
-- next statement
CREATE TABLE refund_parts (
	refund_id UUID NOT NULL, 
	line_no BIGINT NOT NULL, 
	payee TEXT COLLATE "C" NOT NULL, 
	amount_minor BIGINT NOT NULL, 
	ended_id UUID, 
	transfer_id UUID, 
	CONSTRAINT refund_parts_pkey PRIMARY KEY (refund_id, line_no, payee), 
	CONSTRAINT refund_parts_payee_check CHECK (payee IN ('promoter', 'inviter', 'merchant', 'platform')), 
	CONSTRAINT refund_parts_amount_check CHECK (amount_minor > 0), 
	CONSTRAINT refund_parts_transfers_check CHECK (ended_id IS NOT NULL OR transfer_id IS NOT NULL), 
	CONSTRAINT refund_parts_refund_id_fkey FOREIGN KEY(refund_id) REFERENCES refunds (id)
);
-- next statement
COMMENT ON TABLE refund_parts IS 'What a refund took back of each part of each line; append-only.';
-- next statement
CREATE TABLE skus (
	id UUID NOT NULL, 
	product_id UUID NOT NULL, 
	merchant_id UUID NOT NULL, 
	code TEXT COLLATE "C" NOT NULL, 
	title TEXT COLLATE "C" NOT NULL, 
	options JSONB NOT NULL, 
	price_minor BIGINT NOT NULL, 
	currency TEXT COLLATE "C" NOT NULL, 
	state TEXT COLLATE "C" NOT NULL, 
	position BIGINT NOT NULL, 
	version BIGINT DEFAULT '1' NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	weight_grams BIGINT, 
	CONSTRAINT skus_pkey PRIMARY KEY (id), 
	CONSTRAINT skus_merchant_id_code_key UNIQUE (merchant_id, code), 
	CONSTRAINT skus_price_check CHECK (price_minor >= 0), 
	CONSTRAINT skus_weight_check CHECK (weight_grams BETWEEN 0 AND 10000000), 
	CONSTRAINT skus_state_check CHECK (state IN ('listed', 'unlisted')), 
	CONSTRAINT skus_product_id_fkey FOREIGN KEY(product_id) REFERENCES products (id), 
	CONSTRAINT skus_merchant_id_fkey FOREIGN KEY(merchant_id) REFERENCES merchants (id)
);
-- next statement
CREATE INDEX skus_code_idx ON skus (code);
-- next statement
CREATE INDEX skus_product_id_idx ON skus (product_id, position);
-- next statement
CREATE TABLE statement_lines (
	statement_id UUID NOT NULL, 
	line_no BIGINT NOT NULL, 
	account_id UUID NOT NULL, 
	transfer_id UUID NOT NULL, 
	occurred_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	kind TEXT COLLATE "C" NOT NULL, 
	amount_minor BIGINT NOT NULL, 
	change_minor BIGINT NOT NULL, 
	balance_minor BIGINT NOT NULL, 
	about TEXT COLLATE "C" NOT NULL, 
	hash TEXT COLLATE "C" NOT NULL, 
	CONSTRAINT statement_lines_pkey PRIMARY KEY (statement_id, line_no), 
	CONSTRAINT statement_lines_account_id_transfer_id_key UNIQUE (account_id, transfer_id), 
	CONSTRAINT statement_lines_amount_check CHECK (line_no > 0 AND amount_minor > 0), 
	CONSTRAINT statement_lines_statement_id_fkey FOREIGN KEY(statement_id) REFERENCES statements (id)
);
-- next statement
COMMENT ON TABLE statement_lines IS 'Append-only; a change of a past line breaks the chain and is named by the audit.';
-- next statement
CREATE TABLE cart_lines (
	owner_id UUID NOT NULL, 
	sku_id UUID NOT NULL, 
	quantity BIGINT NOT NULL, 
	seen_minor BIGINT NOT NULL, 
	seen_currency TEXT COLLATE "C" NOT NULL, 
	added_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT cart_lines_pkey PRIMARY KEY (owner_id, sku_id), 
	CONSTRAINT cart_lines_quantity_check CHECK (quantity BETWEEN 1 AND 10000), 
	CONSTRAINT cart_lines_owner_id_fkey FOREIGN KEY(owner_id) REFERENCES carts (owner_id) ON DELETE CASCADE, 
	CONSTRAINT cart_lines_sku_id_fkey FOREIGN KEY(sku_id) REFERENCES skus (id)
);
-- next statement
CREATE TABLE commissions (
	id UUID NOT NULL, 
	order_id UUID NOT NULL, 
	line_no BIGINT NOT NULL, 
	level BIGINT NOT NULL, 
	promoter_id UUID NOT NULL, 
	share_id UUID NOT NULL, 
	plan_version_id UUID NOT NULL, 
	base_minor BIGINT NOT NULL, 
	amount_minor BIGINT NOT NULL, 
	taken_back_minor BIGINT DEFAULT '0' NOT NULL, 
	currency TEXT COLLATE "C" NOT NULL, 
	state TEXT COLLATE "C" NOT NULL, 
	transfer_id UUID NOT NULL, 
	payout_item_id UUID, 
	accrued_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	hold_until TIMESTAMP WITH TIME ZONE NOT NULL, 
	released_at TIMESTAMP WITH TIME ZONE, 
	paid_at TIMESTAMP WITH TIME ZONE, 
	taken_back_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT commissions_pkey PRIMARY KEY (id), 
	CONSTRAINT commissions_order_id_line_no_level_key UNIQUE (order_id, line_no, level), 
	CONSTRAINT commissions_level_check CHECK (level IN (1, 2)), 
	CONSTRAINT commissions_amount_check CHECK (amount_minor > 0 AND amount_minor <= base_minor), 
	CONSTRAINT commissions_state_check CHECK (state IN ('held', 'released', 'paid', 'taken_back')), 
	CONSTRAINT commissions_hold_check CHECK (released_at IS NULL OR released_at >= hold_until), 
	CONSTRAINT commissions_paid_check CHECK (paid_at IS NULL OR released_at IS NOT NULL), 
	CONSTRAINT commissions_taken_back_check CHECK ((state = 'taken_back') = (taken_back_at IS NOT NULL)), 
	CONSTRAINT commissions_taken_back_minor_check CHECK (taken_back_minor >= 0 AND taken_back_minor <= amount_minor), 
	CONSTRAINT commissions_taken_back_whole_check CHECK ((state = 'taken_back') = (taken_back_minor = amount_minor)), 
	CONSTRAINT commissions_payout_item_id_fkey FOREIGN KEY(payout_item_id) REFERENCES payout_items (id)
);
-- next statement
CREATE INDEX commissions_due_idx ON commissions (hold_until) WHERE state = 'held';
-- next statement
CREATE INDEX commissions_payable_idx ON commissions (currency) WHERE state = 'released' AND payout_item_id IS NULL;
-- next statement
CREATE INDEX commissions_payout_item_id_idx ON commissions (payout_item_id) WHERE payout_item_id IS NOT NULL;
-- next statement
CREATE INDEX commissions_promoter_id_idx ON commissions (promoter_id, accrued_at);
-- next statement
CREATE TABLE payout_sendings (
	item_id UUID NOT NULL, 
	batch_id UUID NOT NULL, 
	method TEXT COLLATE "C" NOT NULL, 
	state TEXT COLLATE "C" NOT NULL, 
	reason TEXT COLLATE "C" DEFAULT '' NOT NULL, 
	attempts BIGINT DEFAULT '0' NOT NULL, 
	unclear BOOLEAN DEFAULT 'false' NOT NULL, 
	changes BIGINT DEFAULT '1' NOT NULL, 
	reference TEXT COLLATE "C" DEFAULT '' NOT NULL, 
	file_id UUID, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	next_at TIMESTAMP WITH TIME ZONE, 
	confirmed_at TIMESTAMP WITH TIME ZONE, 
	decided_by UUID, 
	CONSTRAINT payout_sendings_pkey PRIMARY KEY (item_id), 
	CONSTRAINT payout_sendings_state_check CHECK (state IN ('owed', 'sending', 'sent', 'unknown', 'held', 'confirmed', 'failed', 'returned')), 
	CONSTRAINT payout_sendings_confirmed_check CHECK ((state IN ('confirmed', 'returned')) = (confirmed_at IS NOT NULL)), 
	CONSTRAINT payout_sendings_counts_check CHECK (attempts >= 0 AND changes > 0), 
	CONSTRAINT payout_sendings_reason_check CHECK (state NOT IN ('held', 'failed', 'returned', 'unknown') OR reason <> ''), 
	CONSTRAINT payout_sendings_item_id_fkey FOREIGN KEY(item_id) REFERENCES payout_items (id), 
	CONSTRAINT payout_sendings_batch_id_fkey FOREIGN KEY(batch_id) REFERENCES payout_batches (id), 
	CONSTRAINT payout_sendings_file_id_fkey FOREIGN KEY(file_id) REFERENCES payout_files (id), 
	CONSTRAINT payout_sendings_decided_by_fkey FOREIGN KEY(decided_by) REFERENCES members (id)
);
-- next statement
CREATE INDEX payout_sendings_batch_id_idx ON payout_sendings (batch_id);
-- next statement
CREATE INDEX payout_sendings_next_at_idx ON payout_sendings (next_at) WHERE next_at IS NOT NULL;
-- next statement
CREATE INDEX payout_sendings_open_idx ON payout_sendings (batch_id) WHERE state IN ('owed', 'sending', 'sent', 'unknown', 'held');
-- next statement
COMMENT ON TABLE payout_sendings IS 'The outbox: each approved item on its way out, exactly one row.';
-- next statement
CREATE TABLE sku_stock (
	sku_id UUID NOT NULL, 
	tracked BOOLEAN NOT NULL, 
	on_hand BIGINT DEFAULT '0' NOT NULL, 
	reserved BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT sku_stock_pkey PRIMARY KEY (sku_id), 
	CONSTRAINT sku_stock_on_hand_check CHECK (on_hand >= 0), 
	CONSTRAINT sku_stock_reserved_check CHECK (reserved >= 0 AND (NOT tracked OR reserved <= on_hand)), 
	CONSTRAINT sku_stock_sku_id_fkey FOREIGN KEY(sku_id) REFERENCES skus (id)
);
-- next statement
COMMENT ON TABLE sku_stock IS 'One row a SKU, which every change of its stock or offer locks first. Orders reserve of untracked ones too, so that counting can begin while some wait for their payment.';
-- next statement
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
-- next statement
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
-- next statement
-- Nobody may be above themselves in the tree of invitations. Of two that would close a cycle together, the second waits
-- for the first to commit and then sees it: each statement of the function has a snapshot of its own.
CREATE FUNCTION refuse_invitation_cycles() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  v_above uuid := NEW.inviter_id;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('promoter_inviters'));
  WHILE v_above IS NOT NULL LOOP
    IF v_above = NEW.member_id THEN
      RAISE EXCEPTION 'member % would be above themselves in the tree of invitations', NEW.member_id
        USING ERRCODE = 'FS423';
    END IF;
    SELECT inviter_id INTO v_above FROM promoter_inviters WHERE member_id = v_above;
  END LOOP;
  RETURN NEW;
END $$;
-- next statement
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
-- next statement
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
-- next statement
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
-- next statement
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
-- next statement
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: correct it with another row', TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$;
-- next statement
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- next statement
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- next statement
CREATE TRIGGER invoices_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON invoices FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- next statement
CREATE TRIGGER ledger_transfers_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transfers FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- next statement
CREATE TRIGGER order_touches_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON order_touches FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- next statement
CREATE TRIGGER promoter_inviters_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON promoter_inviters FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- next statement
CREATE TRIGGER refund_lines_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON refund_lines FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- next statement
CREATE TRIGGER refund_parts_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON refund_parts FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- next statement
CREATE TRIGGER statement_lines_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON statement_lines FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- next statement
CREATE TRIGGER statements_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON statements FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- next statement
CREATE TRIGGER stock_movements_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON stock_movements FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- next statement
CREATE TRIGGER promoter_inviters_no_cycles BEFORE INSERT ON promoter_inviters FOR EACH ROW EXECUTE FUNCTION refuse_invitation_cycles();
-- next statement
GRANT USAGE ON SCHEMA public TO fissile_app;
-- next statement
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO fissile_app;
-- next statement
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO fissile_app;
-- next statement
REVOKE UPDATE, DELETE ON audit_log, events, invoices, ledger_transfers, order_touches, promoter_inviters, refund_lines, refund_parts, statement_lines, statements, stock_movements FROM fissile_app;
