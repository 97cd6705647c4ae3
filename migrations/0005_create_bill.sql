-- +goose Up
-- What is owed. A bill keeps the quote it came from, so that its amount can be explained for ever.
CREATE TABLE gateway.bill (
    book          text        NOT NULL,
    ref           text        NOT NULL,
    body          text        NOT NULL,
    service       text        NOT NULL,
    source_ref    text        NOT NULL,  -- the issuer's own number: the same number is the same bill
    payer         text        NOT NULL,  -- subject id, never a name
    quote_date    date        NOT NULL,
    inputs        jsonb       NOT NULL,
    quote         jsonb       NOT NULL,
    schedule_hash text        NOT NULL,
    amount        bigint      NOT NULL,
    paid          bigint      NOT NULL DEFAULT 0,
    currency      text        NOT NULL DEFAULT 'VND',
    state         text        NOT NULL,
    valid_until   timestamptz NOT NULL,
    issued_by     text        NOT NULL,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (book, ref),
    CONSTRAINT bill_source_once UNIQUE (book, body, service, source_ref),
    CONSTRAINT bill_takes_no_more_than_it_owes CHECK (paid >= 0 AND paid <= amount),
    CONSTRAINT bill_state_known CHECK (state IN ('open', 'paid', 'nothing_due')),
    CONSTRAINT bill_paid_in_full CHECK ((state = 'paid') = (paid = amount AND amount > 0))
);

-- The bill's amount by budget line; the lines add up to the bill (the issuing statement writes both).
CREATE TABLE gateway.bill_line (
    book     text   NOT NULL,
    bill     text   NOT NULL,
    no       int    NOT NULL,
    charge   text   NOT NULL,
    budget   text   NOT NULL,
    amount   bigint NOT NULL,
    PRIMARY KEY (book, bill, no),
    FOREIGN KEY (book, bill) REFERENCES gateway.bill (book, ref),
    CONSTRAINT bill_line_not_negative CHECK (amount >= 0)
);

GRANT SELECT, INSERT ON gateway.bill, gateway.bill_line TO exchequer_app;
GRANT UPDATE (paid, state) ON gateway.bill TO exchequer_app;
