-- +goose Up
-- What an account stood at when a day was closed, of effective days up to it: a row only where that changed. Balances at
-- a past time begin here. last_id is where its history, the chain of its postings, ended then. What of that was already
-- entered for later days stands in ahead: the days, what is on each side, and the first transaction on each.
CREATE TABLE ledger.snapshots (
    book            text COLLATE "C" NOT NULL,
    account         text COLLATE "C" NOT NULL,
    day             date NOT NULL,
    debits_posted   bigint NOT NULL,
    credits_posted  bigint NOT NULL,
    debits_pending  bigint NOT NULL,
    credits_pending bigint NOT NULL,
    last_id         bigint NOT NULL,
    ahead_days      date[] NOT NULL,
    ahead_debits    bigint[] NOT NULL,
    ahead_credits   bigint[] NOT NULL,
    ahead_ids       bigint[] NOT NULL,
    CONSTRAINT snapshots_pkey PRIMARY KEY (book, account, day),
    CONSTRAINT snapshots_account_fkey FOREIGN KEY (book, account) REFERENCES ledger.accounts (book, code),
    CONSTRAINT snapshots_not_negative
        CHECK (debits_posted >= 0 AND credits_posted >= 0 AND debits_pending >= 0 AND credits_pending >= 0),
    CONSTRAINT snapshots_ahead_together
        CHECK (cardinality(ahead_days) = cardinality(ahead_debits) AND cardinality(ahead_days) = cardinality(ahead_credits)
               AND cardinality(ahead_days) = cardinality(ahead_ids))
);

-- carries: the closing kept snapshots; those of before did not, and are passed over. Its closed is then not before any
-- recorded time it has seen. first_recorded is the earliest of what it was the first to see, and of holds and what
-- resolves them on its days; early, that this is not after the last closing but one.
ALTER TABLE ledger.periods
    ADD COLUMN carries        boolean NOT NULL DEFAULT false,
    ADD COLUMN first_recorded timestamptz,
    ADD COLUMN early          boolean NOT NULL DEFAULT false;
CREATE INDEX periods_carries_day ON ledger.periods (book, day) WHERE carries;
CREATE INDEX periods_carries_closed ON ledger.periods (book, closed, day) WHERE carries;
CREATE INDEX periods_early ON ledger.periods (book, day) WHERE early;

-- Holds and what resolves them, by day. Ordinary transactions have no entry.
CREATE INDEX transactions_held_day ON ledger.transactions (book, effective_day, id) WHERE phase <> 'post';

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
DROP INDEX ledger.transactions_held_day, ledger.periods_early, ledger.periods_carries_closed, ledger.periods_carries_day;
ALTER TABLE ledger.periods DROP COLUMN early, DROP COLUMN first_recorded, DROP COLUMN carries;
DROP TABLE ledger.snapshots;
