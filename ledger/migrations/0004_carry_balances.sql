-- +goose Up
-- An account's postings are found by day: what a closed day or a statement needs is read, and nothing before or after.
DROP INDEX ledger.postings_debit_account;
DROP INDEX ledger.postings_credit_account;
CREATE INDEX postings_debit_account ON ledger.postings (book, debit_account, effective_day, transaction_id);
CREATE INDEX postings_credit_account ON ledger.postings (book, credit_account, effective_day, transaction_id);

-- Holds and what resolves them, by day. Ordinary transactions have no entry.
CREATE INDEX transactions_held_day ON ledger.transactions (book, effective_day, id) WHERE phase <> 'post';

-- What an account stood at when a day was closed, of effective days up to it: a row only where that changed. Balances at
-- a past time begin here.
CREATE TABLE ledger.snapshots (
    book            text COLLATE "C" NOT NULL,
    account         text COLLATE "C" NOT NULL,
    day             date NOT NULL,
    debits_posted   bigint NOT NULL,
    credits_posted  bigint NOT NULL,
    debits_pending  bigint NOT NULL,
    credits_pending bigint NOT NULL,
    CONSTRAINT snapshots_pkey PRIMARY KEY (book, account, day),
    CONSTRAINT snapshots_account_fkey FOREIGN KEY (book, account) REFERENCES ledger.accounts (book, code),
    CONSTRAINT snapshots_not_negative
        CHECK (debits_posted >= 0 AND credits_posted >= 0 AND debits_pending >= 0 AND credits_pending >= 0)
);

-- closed is not before any recorded time that the closing covers. first_recorded is the earliest of those since the
-- closing before. ahead: something was entered before the last closing but one, that is for a day far ahead.
ALTER TABLE ledger.periods
    ADD COLUMN first_recorded timestamptz,
    ADD COLUMN ahead          boolean NOT NULL DEFAULT false;
CREATE INDEX periods_closed ON ledger.periods (book, closed, day);
CREATE INDEX periods_ahead ON ledger.periods (book, day) WHERE ahead;

-- Days closed before snapshots were kept. Nothing could be held then.
INSERT INTO ledger.snapshots (book, account, day, debits_posted, credits_posted, debits_pending, credits_pending)
SELECT e.book, e.account, p.day, sum(sum(e.debit)) OVER days, sum(sum(e.credit)) OVER days, 0, 0
FROM ledger.entries e
CROSS JOIN LATERAL (SELECT min(day) AS day FROM ledger.periods WHERE book = e.book AND day >= e.effective_day) p
WHERE p.day IS NOT NULL
GROUP BY e.book, e.account, p.day
WINDOW days AS (PARTITION BY e.book, e.account ORDER BY p.day);

UPDATE ledger.periods p
SET ahead = true, first_recorded = '-infinity',
    closed = greatest(p.closed, (SELECT max(recorded) FROM ledger.postings t WHERE t.book = p.book AND t.effective_day <= p.day));

-- A posting and the closing of its day lock this key: the posting shared, the closing alone. Without a day it is that of
-- all days of a book that was never closed.
-- +goose StatementBegin
CREATE FUNCTION ledger.day_lock(of_book text, day date) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
    SELECT hashtextextended(of_book, coalesce(day - DATE '0001-01-01' + 1, 0))
$$;
-- +goose StatementEnd

-- Keeps the days of a batch open until the transaction ends, and gives the last closed day. A day that is closed stands
-- for the first open one. asked is in order. A closing may commit while a lock is waited for, so the last closed day is
-- read again with each lock in hand; the days only rise, as those of a closing do, so nobody waits in a circle.
-- +goose StatementBegin
CREATE FUNCTION ledger.keep_open(of_book text, asked date[]) RETURNS date
LANGUAGE plpgsql AS $$
DECLARE
    closed date := (SELECT closed_through FROM ledger.books WHERE book = of_book);
    wanted date;
    held   date;
BEGIN
    IF closed IS NULL THEN
        PERFORM pg_advisory_xact_lock_shared(ledger.day_lock(of_book, NULL));
        closed := (SELECT closed_through FROM ledger.books WHERE book = of_book);
        IF closed IS NULL THEN
            RETURN NULL;
        END IF;
    END IF;
    FOREACH wanted IN ARRAY asked LOOP
        WHILE held IS NULL OR held < greatest(wanted, closed + 1) LOOP
            held := greatest(wanted, closed + 1);
            PERFORM pg_advisory_xact_lock_shared(ledger.day_lock(of_book, held));
            closed := (SELECT closed_through FROM ledger.books WHERE book = of_book);
        END LOOP;
    END LOOP;
    RETURN closed;
END
$$;
-- +goose StatementEnd

GRANT SELECT, INSERT ON ledger.snapshots TO exchequer_app;

-- +goose Down
DROP FUNCTION ledger.keep_open(text, date[]);
DROP FUNCTION ledger.day_lock(text, date);
DROP INDEX ledger.periods_ahead, ledger.periods_closed;
ALTER TABLE ledger.periods DROP COLUMN ahead, DROP COLUMN first_recorded;
DROP TABLE ledger.snapshots;
DROP INDEX ledger.transactions_held_day, ledger.postings_debit_account, ledger.postings_credit_account;
CREATE INDEX postings_debit_account ON ledger.postings (book, debit_account, transaction_id);
CREATE INDEX postings_credit_account ON ledger.postings (book, credit_account, transaction_id);
