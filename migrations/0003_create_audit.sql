-- +goose Up
-- Who did what. Append-only by privileges: the program's role may add and read, nothing else.
CREATE TABLE gateway.audit (
    id      bigint GENERATED ALWAYS AS IDENTITY,
    book    text        NOT NULL,
    at      timestamptz NOT NULL,
    actor   text        NOT NULL,
    role    text        NOT NULL,
    action  text        NOT NULL,
    subject text        NOT NULL, -- an id: a reference, a bill, a request; never a name
    detail  jsonb       NOT NULL, -- ids and codes only
    CONSTRAINT audit_pk PRIMARY KEY (book, id),
    CONSTRAINT audit_actor CHECK (actor <> ''),
    CONSTRAINT audit_action CHECK (action <> '')
);
CREATE INDEX audit_subject ON gateway.audit (book, subject, id);

GRANT SELECT, INSERT ON gateway.audit TO exchequer_app;

-- +goose Down
DROP TABLE gateway.audit;
