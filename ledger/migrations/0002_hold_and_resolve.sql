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

-- A hold is resolved once. Ordinary transactions have no entry.
CREATE UNIQUE INDEX transactions_resolution_key ON ledger.transactions (book, of_id)
    WHERE phase IN ('capture', 'void', 'expiry');

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

-- The holds whose time runs, for whoever looks which are over: a list of work, not part of the books.
CREATE TABLE ledger.expiring (
    book    text COLLATE "C" NOT NULL,
    expires timestamptz NOT NULL,
    hold_id bigint NOT NULL,
    CONSTRAINT expiring_pkey PRIMARY KEY (book, expires, hold_id)
);

GRANT SELECT, INSERT ON ledger.pending TO exchequer_app;
GRANT SELECT, INSERT, DELETE ON ledger.expiring TO exchequer_app;

-- Posting locks and reads one row an account: what its balance is, and what deciding needs of its definition. last_id is
-- the transaction whose postings moved it last, 0 for none.
ALTER TABLE ledger.balances
    ADD COLUMN currency    text COLLATE "C",
    ADD COLUMN normal_side text COLLATE "C",
    ADD COLUMN limits      integer,
    ADD COLUMN closed      boolean,
    ADD COLUMN last_id     bigint;
UPDATE ledger.balances b
SET currency = a.currency, normal_side = a.normal_side, limits = a.limits, closed = a.closed IS NOT NULL,
    last_id = coalesce((SELECT max(transaction_id) FROM ledger.entries e WHERE e.book = b.book AND e.account = b.account), 0)
FROM ledger.accounts a WHERE a.book = b.book AND a.code = b.account;
ALTER TABLE ledger.balances
    ALTER COLUMN currency SET NOT NULL,
    ALTER COLUMN normal_side SET NOT NULL,
    ALTER COLUMN limits SET NOT NULL,
    ALTER COLUMN closed SET NOT NULL,
    ALTER COLUMN last_id SET NOT NULL;

-- The history of an account is a chain: each posting names the transaction that moved the account before, 0 for none.
-- Two indexes by account did the same for ten times the cost of writing the row, and grew with the table.
ALTER TABLE ledger.postings
    ADD COLUMN debit_prev  bigint NOT NULL DEFAULT 0,
    ADD COLUMN credit_prev bigint NOT NULL DEFAULT 0;
WITH chain AS (
    SELECT book, transaction_id, account,
           lag(transaction_id, 1, 0::bigint) OVER (PARTITION BY book, account ORDER BY transaction_id) AS prev
    FROM (SELECT DISTINCT book, transaction_id, account FROM ledger.entries) e
)
UPDATE ledger.postings p SET debit_prev = d.prev, credit_prev = c.prev
FROM chain d, chain c
WHERE d.book = p.book AND d.transaction_id = p.transaction_id AND d.account = p.debit_account
  AND c.book = p.book AND c.transaction_id = p.transaction_id AND c.account = p.credit_account;
ALTER TABLE ledger.postings ALTER COLUMN debit_prev DROP DEFAULT, ALTER COLUMN credit_prev DROP DEFAULT;
DROP INDEX ledger.postings_debit_account, ledger.postings_credit_account;

-- +goose Down
CREATE INDEX postings_debit_account ON ledger.postings (book, debit_account, transaction_id);
CREATE INDEX postings_credit_account ON ledger.postings (book, credit_account, transaction_id);
ALTER TABLE ledger.postings DROP COLUMN debit_prev, DROP COLUMN credit_prev;
ALTER TABLE ledger.balances DROP COLUMN currency, DROP COLUMN normal_side, DROP COLUMN limits, DROP COLUMN closed, DROP COLUMN last_id;
DROP TABLE ledger.expiring, ledger.pending;
DROP INDEX ledger.transactions_resolution_key;
ALTER TABLE ledger.transactions DROP COLUMN expires, DROP COLUMN of_id, DROP COLUMN phase;
