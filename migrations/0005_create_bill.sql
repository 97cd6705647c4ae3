-- +goose Up
-- What is owed. A bill keeps the quote it came from, so that its amount can be explained for ever.
CREATE TABLE gateway.bill (
    book          text        NOT NULL,
    ref           text        NOT NULL,
    body          text        NOT NULL,
    service       text        NOT NULL,
    source_ref    text        NOT NULL,  -- the issuer's own number: the same number is the same bill
    edition       int         NOT NULL DEFAULT 1,  -- once its amount no longer holds, the next one takes its place
    replaced_by   text,                  -- the next edition's ref; only the last edition can be paid
    payer         text        NOT NULL,  -- subject id, never a name
    quote_date    date        NOT NULL,
    inputs        json        NOT NULL,  -- as it was written: jsonb would write numbers its own way
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
    CONSTRAINT bill_source_once UNIQUE (book, body, service, source_ref, edition),
    CONSTRAINT bill_edition_counts CHECK (edition > 0),
    CONSTRAINT bill_replaced_by_a_bill FOREIGN KEY (book, replaced_by) REFERENCES gateway.bill (book, ref),
    CONSTRAINT bill_replaced_unpaid CHECK (replaced_by IS NULL OR (state = 'open' AND paid = 0)),
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
GRANT UPDATE (paid, state, replaced_by) ON gateway.bill TO exchequer_app;
