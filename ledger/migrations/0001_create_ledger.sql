-- +goose Up
CREATE SCHEMA IF NOT EXISTS ledger;

-- +goose StatementBegin
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'exchequer_app') THEN
        CREATE ROLE exchequer_app NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL; -- roles belong to the whole server: another database was migrated at the same moment
END
$$;
-- +goose StatementEnd

-- One row a book. closed_through is the last closed business day; that day and all before it take no more entries.
CREATE TABLE ledger.books (
    book           text COLLATE "C" NOT NULL,
    opened         timestamptz NOT NULL,
    closed_through date,
    CONSTRAINT books_pkey PRIMARY KEY (book),
    CONSTRAINT books_book_form CHECK (book ~ '^[0-9A-Za-z_-]{1,32}$')
);

-- limits is a set of flags: 1 = never below zero on the normal side.
CREATE TABLE ledger.accounts (
    book        text COLLATE "C" NOT NULL,
    code        text COLLATE "C" NOT NULL,
    currency    text COLLATE "C" NOT NULL,
    normal_side text COLLATE "C" NOT NULL,
    limits      integer NOT NULL,
    opened      timestamptz NOT NULL,
    closed      timestamptz,
    CONSTRAINT accounts_pkey PRIMARY KEY (book, code),
    CONSTRAINT accounts_book_fkey FOREIGN KEY (book) REFERENCES ledger.books (book),
    CONSTRAINT accounts_code_form CHECK (code ~ '^[0-9A-Za-z._/-]+(:[0-9A-Za-z._/-]+)*$' AND length(code) <= 200),
    CONSTRAINT accounts_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT accounts_normal_side_known CHECK (normal_side IN ('debit', 'credit')),
    CONSTRAINT accounts_limits_known CHECK (limits BETWEEN 0 AND 1)
);

-- What posting locks. The room left on each page lets an update stay on its page without touching the index.
CREATE TABLE ledger.balances (
    book            text COLLATE "C" NOT NULL,
    account         text COLLATE "C" NOT NULL,
    debits_posted   bigint NOT NULL,
    credits_posted  bigint NOT NULL,
    debits_pending  bigint NOT NULL,
    credits_pending bigint NOT NULL,
    CONSTRAINT balances_pkey PRIMARY KEY (book, account),
    CONSTRAINT balances_account_fkey FOREIGN KEY (book, account) REFERENCES ledger.accounts (book, code),
    CONSTRAINT balances_not_negative
        CHECK (debits_posted >= 0 AND credits_posted >= 0 AND debits_pending >= 0 AND credits_pending >= 0)
) WITH (fillfactor = 50);

-- Drawn while the balances of a transaction are locked, so ids rise in the order in which any one account was changed.
CREATE SEQUENCE ledger.transaction_id AS bigint;

CREATE TABLE ledger.transactions (
    book          text COLLATE "C" NOT NULL,
    id            bigint NOT NULL,
    reference     text COLLATE "C" NOT NULL,
    kind          text COLLATE "C" NOT NULL,
    occurred      timestamptz NOT NULL,
    asked_day     date NOT NULL,
    effective_day date NOT NULL,
    recorded      timestamptz NOT NULL,
    link          text COLLATE "C" NOT NULL,
    metadata      jsonb,
    CONSTRAINT transactions_pkey PRIMARY KEY (book, id),
    CONSTRAINT transactions_reference_key UNIQUE (book, reference)
);

-- One row a posting: both accounts, and what each had on both sides after it. No foreign keys: posting holds both
-- accounts' balances locked and writes the transaction beside its postings; a check a row would halve bulk posting.
-- Verify proves what the keys would have said.
CREATE TABLE ledger.postings (
    book                   text COLLATE "C" NOT NULL,
    transaction_id         bigint NOT NULL,
    line                   integer NOT NULL,
    debit_account          text COLLATE "C" NOT NULL,
    credit_account         text COLLATE "C" NOT NULL,
    currency               text COLLATE "C" NOT NULL,
    amount                 bigint NOT NULL,
    debit_account_debits   bigint NOT NULL,
    debit_account_credits  bigint NOT NULL,
    credit_account_debits  bigint NOT NULL,
    credit_account_credits bigint NOT NULL,
    effective_day          date NOT NULL,
    recorded               timestamptz NOT NULL,
    CONSTRAINT postings_pkey PRIMARY KEY (book, transaction_id, line),
    CONSTRAINT postings_amount_positive CHECK (amount > 0),
    CONSTRAINT postings_accounts_differ CHECK (debit_account <> credit_account)
);
CREATE INDEX postings_debit_account ON ledger.postings (book, debit_account, transaction_id);
CREATE INDEX postings_credit_account ON ledger.postings (book, credit_account, transaction_id);

-- The record of closings. after_id was drawn with every balance of the book locked: a transaction of this day with a
-- higher id was written behind the closing's back.
CREATE TABLE ledger.periods (
    book      text COLLATE "C" NOT NULL,
    day       date NOT NULL,
    after_id  bigint NOT NULL,
    closed    timestamptz NOT NULL,
    closed_by text COLLATE "C" NOT NULL,
    CONSTRAINT periods_pkey PRIMARY KEY (book, day),
    CONSTRAINT periods_book_fkey FOREIGN KEY (book) REFERENCES ledger.books (book)
);

-- Each posting as its two legs; debits_after and credits_after are the account's totals after the leg.
CREATE VIEW ledger.entries AS
SELECT book, transaction_id, line, 'debit'::text AS side, debit_account AS account, currency, amount AS debit,
       0::bigint AS credit, debit_account_debits AS debits_after, debit_account_credits AS credits_after,
       effective_day, recorded
FROM ledger.postings
UNION ALL
SELECT book, transaction_id, line, 'credit'::text, credit_account, currency, 0::bigint,
       amount, credit_account_debits, credit_account_credits,
       effective_day, recorded
FROM ledger.postings;

-- The program's role owns nothing. Transactions, postings and closings only grow; what must be locked may be updated.
GRANT USAGE ON SCHEMA ledger TO exchequer_app;
GRANT USAGE ON SEQUENCE ledger.transaction_id TO exchequer_app;
GRANT SELECT, INSERT ON ledger.transactions, ledger.postings, ledger.periods TO exchequer_app;
GRANT SELECT, INSERT, UPDATE ON ledger.books, ledger.accounts, ledger.balances TO exchequer_app;
GRANT SELECT ON ledger.entries TO exchequer_app;

-- +goose Down
DROP VIEW ledger.entries;
DROP TABLE ledger.periods, ledger.postings, ledger.transactions, ledger.balances, ledger.accounts, ledger.books;
DROP SEQUENCE ledger.transaction_id;
