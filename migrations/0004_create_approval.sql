-- +goose Up
-- What waits for a second person.
CREATE TABLE gateway.approval (
    id           bigint GENERATED ALWAYS AS IDENTITY,
    book         text        NOT NULL,
    kind         text        NOT NULL,
    ref          text        NOT NULL,
    digest       text        NOT NULL, -- of the content as it was asked
    detail       jsonb       NOT NULL, -- what the second person is shown: ids, codes, amounts
    state        text        NOT NULL DEFAULT 'pending',
    requested_by text        NOT NULL,
    requested_at timestamptz NOT NULL,
    approved_by  text,
    rejected_by  text,
    decided_at   timestamptz,
    CONSTRAINT approval_pk PRIMARY KEY (id),
    CONSTRAINT approval_named CHECK (kind <> '' AND ref <> '' AND digest <> '' AND requested_by <> ''),
    CONSTRAINT approval_second_person CHECK (approved_by <> requested_by),
    CONSTRAINT approval_state CHECK (
        (state = 'pending' AND approved_by IS NULL AND rejected_by IS NULL AND decided_at IS NULL)
        OR (state = 'approved' AND approved_by IS NOT NULL AND rejected_by IS NULL AND decided_at IS NOT NULL)
        OR (state = 'rejected' AND approved_by IS NULL AND rejected_by IS NOT NULL AND decided_at IS NOT NULL))
);
CREATE UNIQUE INDEX approval_one_pending ON gateway.approval (book, kind, ref) WHERE state = 'pending';
CREATE INDEX approval_pending ON gateway.approval (book, id) WHERE state = 'pending';

-- What was asked can never be changed, only decided.
GRANT SELECT, INSERT ON gateway.approval TO exchequer_app;
GRANT UPDATE (state, approved_by, rejected_by, decided_at) ON gateway.approval TO exchequer_app;

-- +goose Down
DROP TABLE gateway.approval;
