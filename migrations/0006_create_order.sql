-- +goose Up
-- A payment order and its attempts live in the home book: the book of its first bill, which the reference carries.
CREATE TABLE gateway.payment_order (
    book       text        NOT NULL,
    ref        text        NOT NULL,
    client     text        NOT NULL,
    amount     bigint      NOT NULL,
    currency   text        NOT NULL DEFAULT 'VND',
    state      text        NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (book, ref),
    CONSTRAINT order_amount_positive CHECK (amount > 0),
    CONSTRAINT order_state_known CHECK (state IN
        ('open', 'paid', 'part_refunded', 'refunded', 'reversed', 'cancelled', 'expired'))
);

CREATE TABLE gateway.order_bill (
    book      text   NOT NULL,
    order_ref text   NOT NULL,
    no        int    NOT NULL,
    bill_book text   NOT NULL,
    bill      text   NOT NULL,
    amount    bigint NOT NULL,
    PRIMARY KEY (book, order_ref, no),
    FOREIGN KEY (book, order_ref) REFERENCES gateway.payment_order (book, ref),
    CONSTRAINT order_bill_once UNIQUE (book, order_ref, bill_book, bill),
    CONSTRAINT order_bill_positive CHECK (amount > 0)
);

CREATE TABLE gateway.attempt (
    book        text        NOT NULL,
    ref         text        NOT NULL,  -- the order's reference and a letter
    order_ref   text        NOT NULL,
    request     text        NOT NULL,  -- client and key that asked for it: the same request never starts a second one
    provider    text        NOT NULL,
    merchant    text        NOT NULL,
    amount      bigint      NOT NULL,
    currency    text        NOT NULL DEFAULT 'VND',
    state       text        NOT NULL,
    action      jsonb,
    provider_id text        NOT NULL DEFAULT '',
    code        text        NOT NULL DEFAULT '',
    occurred_at timestamptz,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (book, ref),
    FOREIGN KEY (book, order_ref) REFERENCES gateway.payment_order (book, ref),
    CONSTRAINT attempt_request_once UNIQUE (book, order_ref, request),
    CONSTRAINT attempt_amount_positive CHECK (amount > 0),
    CONSTRAINT attempt_state_known CHECK (state IN ('created', 'pending', 'unknown', 'authorised', 'succeeded',
        'failed', 'cancelled', 'abandoned', 'expired', 'reversed'))
);

-- One live attempt a bill, across all providers: the primary key is the guard.
CREATE TABLE gateway.claim (
    book         text NOT NULL,  -- the bill's book
    bill         text NOT NULL,
    attempt_book text NOT NULL,
    attempt      text NOT NULL,
    CONSTRAINT claim_one_live_attempt PRIMARY KEY (book, bill)
);

-- What an attempt brought to a book; refunds are taken from here and never exceed it.
CREATE TABLE gateway.payment (
    book        text        NOT NULL,
    attempt     text        NOT NULL,
    captured    bigint      NOT NULL,
    excess      bigint      NOT NULL DEFAULT 0,  -- the part booked to liabilities:excess: to be refunded
    refund_held bigint      NOT NULL DEFAULT 0,
    refunded    bigint      NOT NULL DEFAULT 0,
    currency    text        NOT NULL DEFAULT 'VND',
    provider    text        NOT NULL,
    paid_at     timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (book, attempt),
    CONSTRAINT payment_positive CHECK (captured > 0 AND excess >= 0 AND excess <= captured),
    CONSTRAINT payment_refund_within_captured CHECK (refund_held >= 0 AND refunded >= 0 AND refund_held + refunded <= captured)
);

-- What of a payment is owed to which budget line; captured = these lines + excess. Payouts are made of these rows.
CREATE TABLE gateway.payment_line (
    book    text   NOT NULL,
    attempt text   NOT NULL,
    no      int    NOT NULL,
    bill    text   NOT NULL,
    body    text   NOT NULL,
    budget  text   NOT NULL,
    amount  bigint NOT NULL,
    PRIMARY KEY (book, attempt, no),
    FOREIGN KEY (book, attempt) REFERENCES gateway.payment (book, attempt),
    CONSTRAINT payment_line_positive CHECK (amount > 0)
);

-- An Idempotency-Key and the answer it got; the row is committed before the work begins.
CREATE TABLE gateway.idempotency_key (
    client      text        NOT NULL,
    operation   text        NOT NULL,
    key         text        NOT NULL,
    body_hash   bytea       NOT NULL,
    reference   text        NOT NULL,  -- the reference reserved for what the request makes
    lease_until timestamptz NOT NULL,
    status      int,
    answer      bytea,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (client, operation, key)
);
CREATE INDEX idempotency_key_by_age ON gateway.idempotency_key (created_at);

-- Every notification as it came in, recorded before it is answered.
CREATE TABLE gateway.notification (
    book        text        NOT NULL,  -- the attempt's book; the house where no attempt is known
    id          bigint      GENERATED ALWAYS AS IDENTITY,
    provider    text        NOT NULL,
    method      text        NOT NULL,
    raw_query   bytea       NOT NULL,  -- as it came: nothing promises that it is text
    header      jsonb       NOT NULL,
    body        bytea       NOT NULL,
    received_at timestamptz NOT NULL,
    verdict     text        NOT NULL,
    attempt     text        NOT NULL DEFAULT '',
    observation jsonb,
    state       text        NOT NULL,
    handled_at  timestamptz,
    PRIMARY KEY (book, id),
    CONSTRAINT notification_state_known CHECK (state IN ('received', 'applied', 'duplicate', 'refused', 'failed'))
);
CREATE INDEX notification_waiting ON gateway.notification (book, id) WHERE state = 'received';

GRANT SELECT, INSERT ON gateway.payment_order, gateway.order_bill, gateway.attempt, gateway.payment, gateway.payment_line, gateway.notification TO exchequer_app;
GRANT UPDATE (state, updated_at) ON gateway.payment_order TO exchequer_app;
GRANT UPDATE (state, action, provider_id, code, occurred_at, updated_at) ON gateway.attempt TO exchequer_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON gateway.claim, gateway.idempotency_key TO exchequer_app;
GRANT UPDATE (refund_held, refunded) ON gateway.payment TO exchequer_app;
GRANT UPDATE (state, handled_at) ON gateway.notification TO exchequer_app;
