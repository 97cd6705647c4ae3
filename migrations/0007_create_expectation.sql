-- +goose Up
-- What we wait for, from whom, until when: written by who books, met by reconciliation.
CREATE TABLE gateway.expectation (
    book        text        NOT NULL,
    kind        text        NOT NULL,  -- settlement: a provider owes us a payment; payout: the bank will debit us; funding: the gateway's own transfer
    ref         text        NOT NULL,  -- attempt or payout reference
    partner     text        NOT NULL,  -- provider, or the bank account
    amount      bigint      NOT NULL,
    currency    text        NOT NULL DEFAULT 'VND',
    day         date        NOT NULL,  -- business day of the booking
    due_day     date,                             -- last business day on which it is not late; none where the calendar does not say
    state       text        NOT NULL DEFAULT 'open',
    batch       text        NOT NULL DEFAULT '',  -- the partner's batch that announced it
    announced   bigint      NOT NULL DEFAULT 0,   -- gross amount the batch says
    fee         bigint      NOT NULL DEFAULT 0,   -- kept back by the partner
    met         bigint      NOT NULL DEFAULT 0,   -- gross amount that really came
    met_by      text        NOT NULL DEFAULT '',  -- statement line
    met_day     date,                             -- effective day of the booking that met it
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (book, kind, ref),
    CONSTRAINT expectation_kind_known CHECK (kind IN ('settlement', 'payout', 'funding')),
    CONSTRAINT expectation_state_known CHECK (state IN ('open', 'announced', 'part_met', 'met')),
    CONSTRAINT expectation_amounts CHECK (amount > 0 AND announced >= 0 AND fee >= 0 AND met >= 0 AND met <= amount)
);
CREATE INDEX expectation_waiting ON gateway.expectation (book, kind, partner, due_day) WHERE state <> 'met';
CREATE INDEX expectation_by_batch ON gateway.expectation (book, batch) WHERE batch <> '';

-- Something that must reach a person. The same thing seen again counts up; it is not a new row.
CREATE TABLE gateway.finding (
    book     text        NOT NULL,
    kind     text        NOT NULL,
    subject  text        NOT NULL,
    detail   jsonb       NOT NULL,
    count    bigint      NOT NULL DEFAULT 1,
    first_at timestamptz NOT NULL,
    last_at  timestamptz NOT NULL,
    PRIMARY KEY (book, kind, subject)
);
CREATE INDEX finding_by_first ON gateway.finding (book, kind, first_at);

GRANT SELECT, INSERT ON gateway.expectation, gateway.finding TO exchequer_app;
GRANT UPDATE (state, batch, announced, fee, met, met_by, met_day, updated_at) ON gateway.expectation TO exchequer_app;
GRANT UPDATE (count, last_at) ON gateway.finding TO exchequer_app;
