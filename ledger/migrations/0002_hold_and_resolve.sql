-- +goose Up
-- What a transaction does. of_id is the hold that a capture, void or expiry resolves, or the transaction that a posting
-- corrects. expires is the instant from which a hold can no longer be captured.
ALTER TABLE ledger.transactions
    ADD COLUMN phase   text COLLATE "C" NOT NULL DEFAULT 'post',
    ADD COLUMN of_id   bigint,
    ADD COLUMN expires timestamptz,
    ADD CONSTRAINT transactions_phase_known CHECK (phase IN ('post', 'hold', 'capture', 'void', 'expiry')),
    ADD CONSTRAINT transactions_resolution_names_hold CHECK (phase IN ('post', 'hold') OR of_id IS NOT NULL),
    ADD CONSTRAINT transactions_hold_alone CHECK (phase <> 'hold' OR of_id IS NULL),
    ADD CONSTRAINT transactions_only_holds_expire CHECK (phase = 'hold' OR expires IS NULL);

-- A hold is resolved once. Ordinary transactions have no entry in either index.
CREATE UNIQUE INDEX transactions_resolution_key ON ledger.transactions (book, of_id)
    WHERE phase IN ('capture', 'void', 'expiry');
CREATE INDEX transactions_expires ON ledger.transactions (book, expires) WHERE expires IS NOT NULL;

-- What a hold sets aside, a row a posting. It counts in the pending balances until a transaction resolves the hold.
CREATE TABLE ledger.pending (
    book           text COLLATE "C" NOT NULL,
    transaction_id bigint NOT NULL,
    line           integer NOT NULL,
    debit_account  text COLLATE "C" NOT NULL,
    credit_account text COLLATE "C" NOT NULL,
    currency       text COLLATE "C" NOT NULL,
    amount         bigint NOT NULL,
    CONSTRAINT pending_pkey PRIMARY KEY (book, transaction_id, line),
    CONSTRAINT pending_amount_positive CHECK (amount > 0),
    CONSTRAINT pending_accounts_differ CHECK (debit_account <> credit_account)
);

GRANT SELECT, INSERT ON ledger.pending TO exchequer_app;

-- +goose Down
DROP TABLE ledger.pending;
DROP INDEX ledger.transactions_expires, ledger.transactions_resolution_key;
ALTER TABLE ledger.transactions DROP COLUMN expires, DROP COLUMN of_id, DROP COLUMN phase;
