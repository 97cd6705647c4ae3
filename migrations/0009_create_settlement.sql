-- +goose Up
-- What was handed over to a collecting body, or is about to be. Whether the bank has executed a sent payout is not kept
-- here: the statement says so, and its word stands in gateway.expectation (kind payout, the same ref).
CREATE TABLE gateway.payout (
    book          text        NOT NULL,
    ref           text        NOT NULL,  -- also the EndToEndId at the bank
    body          text        NOT NULL,
    account_from  text        NOT NULL,  -- the collection account
    account_to    text        NOT NULL,  -- the body's
    amount        bigint      NOT NULL,
    currency      text        NOT NULL DEFAULT 'VND',
    day           date        NOT NULL,  -- business day it was proposed for
    state         text        NOT NULL,
    approval      bigint      NOT NULL,  -- the request a second person decides
    requested_by  text        NOT NULL,
    requested_at  timestamptz NOT NULL,
    approved_by   text,
    approved_at   timestamptz,
    effective_day date,                  -- effective day of the instruction's booking
    sent_at       timestamptz,           -- the bank took the instruction
    rejected_by   text,                  -- a person, or 'bank'
    rejected_at   timestamptz,
    rejected_day  date,                  -- effective day of the booking that undid the instruction
    reason        text        NOT NULL DEFAULT '',
    CONSTRAINT payout_pk PRIMARY KEY (book, ref),
    CONSTRAINT payout_positive CHECK (amount > 0),
    CONSTRAINT payout_state_known CHECK (state IN ('proposed', 'approved', 'sent', 'rejected')),
    CONSTRAINT payout_reason_short CHECK (octet_length(reason) <= 200),
    CONSTRAINT payout_second_person CHECK (approved_by <> requested_by),
    CONSTRAINT payout_approved CHECK (state NOT IN ('approved', 'sent')
        OR (approved_by IS NOT NULL AND approved_at IS NOT NULL AND effective_day IS NOT NULL)),
    CONSTRAINT payout_sent CHECK (state <> 'sent' OR sent_at IS NOT NULL),
    CONSTRAINT payout_rejected CHECK ((state = 'rejected') = (rejected_by IS NOT NULL AND rejected_at IS NOT NULL))
);
CREATE INDEX payout_by_day ON gateway.payout (book, day);

-- The payout's amount by budget line; the lines add up to it.
CREATE TABLE gateway.payout_line (
    book   text   NOT NULL,
    payout text   NOT NULL,
    no     int    NOT NULL,
    budget text   NOT NULL,
    amount bigint NOT NULL,
    CONSTRAINT payout_line_pk PRIMARY KEY (book, payout, no),
    CONSTRAINT payout_line_payout FOREIGN KEY (book, payout) REFERENCES gateway.payout (book, ref),
    CONSTRAINT payout_line_once UNIQUE (book, payout, budget),
    CONSTRAINT payout_line_positive CHECK (amount > 0)
);

-- Which payments it is made of. A rejected payout keeps its items, but holds them no longer.
CREATE TABLE gateway.payout_item (
    book    text    NOT NULL,
    payout  text    NOT NULL,
    attempt text    NOT NULL,
    body    text    NOT NULL,
    amount  bigint  NOT NULL,
    held    boolean NOT NULL DEFAULT true,
    CONSTRAINT payout_item_pk PRIMARY KEY (book, payout, attempt),
    CONSTRAINT payout_item_payout FOREIGN KEY (book, payout) REFERENCES gateway.payout (book, ref),
    CONSTRAINT payout_item_payment FOREIGN KEY (book, attempt) REFERENCES gateway.payment (book, attempt),
    CONSTRAINT payout_item_positive CHECK (amount > 0)
);
-- No payment is paid out to a body twice: this index is the guard.
CREATE UNIQUE INDEX payout_item_once ON gateway.payout_item (book, body, attempt) WHERE held;

-- How far an expectation was met and when that became known: gateway.expectation holds the last word only, and a day
-- must be recomputable as it was known. Append-only.
CREATE TABLE gateway.expectation_met (
    book        text        NOT NULL,
    kind        text        NOT NULL,
    ref         text        NOT NULL,
    met         bigint      NOT NULL,  -- in all, so far
    met_day     date        NOT NULL,  -- effective day of the booking
    met_by      text        NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT expectation_met_pk PRIMARY KEY (book, kind, ref, met),
    CONSTRAINT expectation_met_expectation FOREIGN KEY (book, kind, ref) REFERENCES gateway.expectation (book, kind, ref),
    CONSTRAINT expectation_met_positive CHECK (met > 0)
);

-- A closed business day of a book: what was proven, and the signature over it. The house's row binds the others' digests
-- and carries the bank accounts.
CREATE TABLE gateway.day_close (
    book      text        NOT NULL,
    day       date        NOT NULL,
    after     date,                    -- the day closed before it; NULL: it is the first
    report    jsonb       NOT NULL,
    digest    text        NOT NULL,    -- SHA-256 of the report's canonical JSON, in hex
    signature text        NOT NULL,    -- compact JWS of that JSON
    closed_by text        NOT NULL,
    closed_at timestamptz NOT NULL,    -- what was recorded until then is what was known
    CONSTRAINT day_close_pk PRIMARY KEY (book, day),
    CONSTRAINT day_close_after CHECK (after < day),
    CONSTRAINT day_close_proven CHECK (digest <> '' AND signature <> '')
);

GRANT SELECT, INSERT ON gateway.payout, gateway.payout_line, gateway.payout_item, gateway.expectation_met, gateway.day_close TO exchequer_app;
GRANT UPDATE (state, approved_by, approved_at, effective_day, sent_at, rejected_by, rejected_at, rejected_day, reason) ON gateway.payout TO exchequer_app;
GRANT UPDATE (held) ON gateway.payout_item TO exchequer_app;

-- +goose Down
DROP TABLE gateway.day_close, gateway.expectation_met, gateway.payout_item, gateway.payout_line, gateway.payout;
